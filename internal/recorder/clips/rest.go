package clips

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"rekey"
)

// Footage at rest is encrypted: a recorder that is carried away shows nothing
// once its key is sealed, and erasing the key erases the footage.
//
// A file is 16 random bytes and then its clip in chunks of 64 KiB, each sealed
// with AES-256-GCM, so that any part of it can be read without the rest. The key
// of a file is drawn by HKDF-SHA256 from the key of the footage, those 16 bytes
// and all that the index says of the clip; under that key the nonce is the number
// of the chunk and a mark on the last one. So no nonce is used twice, and what
// was changed, cut, moved to another place or told differently by the index is an
// error and no picture. (It is the way of the age file format, with another cipher.)

// KeySize is the length of the key of the footage, in bytes.
const KeySize = 32

const (
	chunkSize = 64 << 10
	saltSize  = 16
	tagSize   = 16
	nonceSize = 12
)

// Keys gives the key of the footage. It is asked each time that footage is
// found, opened or read, so that none is to be had while the key is refused
// (rekey.ErrDenied).
type Keys interface {
	FootageKey() ([]byte, error)
}

// Key is Keys where there is one for ever.
type Key []byte

// FootageKey returns the key.
func (k Key) FootageKey() ([]byte, error) { return k, nil }

func checkKey(key []byte) error {
	if len(key) != KeySize {
		return fmt.Errorf("%w: the key of the footage has %d bytes; expected %d", rekey.ErrInput, len(key), KeySize)
	}
	return nil
}

// keyName is what the index calls the key.
func keyName(key []byte) string {
	sum := sha256.Sum256(append([]byte("rekey footage key\x00"), key...))
	return hex.EncodeToString(sum[:8])
}

// cipherOf is the cipher of one file.
func cipherOf(key, salt []byte, c Clip) (cipher.AEAD, error) {
	about := fmt.Sprintf("rekey clip 1 %d %s %s %d %q %q", c.Channel, c.Start.Format(time.RFC3339Nano), c.End.Format(time.RFC3339Nano), c.Size, c.Kind, c.Path)
	own, err := hkdf.Key(sha256.New, key, salt, about, KeySize)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(own)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// nonceOf is the nonce of a chunk.
func nonceOf(n int64, last bool) []byte {
	nonce := make([]byte, nonceSize)
	binary.BigEndian.PutUint64(nonce[3:], uint64(n)) //nolint:gosec // not negative
	if last {
		nonce[nonceSize-1] = 1
	}
	return nonce
}

// sealed is the file of a clip whose plain form is given; c.Size is its length.
func sealed(plain, key []byte, c Clip) ([]byte, error) {
	out := make([]byte, saltSize, saltSize+len(plain)+(len(plain)/chunkSize+1)*tagSize)
	if _, err := rand.Read(out); err != nil {
		return nil, err
	}
	aead, err := cipherOf(key, out[:saltSize], c)
	if err != nil {
		return nil, err
	}
	for n := int64(0); ; n++ {
		chunk := plain[:min(chunkSize, len(plain))]
		plain = plain[len(chunk):]
		out = aead.Seal(out, nonceOf(n, len(plain) == 0), chunk, nil)
		if len(plain) == 0 {
			return out, nil
		}
	}
}

// file is what a clip is read from.
type file interface {
	io.ReaderAt
	io.Closer
}

// reader is the plain form of a clip. It holds one chunk, and decrypts no more
// than what is read.
type reader struct {
	file file
	clip Clip
	keys Keys
	key  []byte
	aead cipher.AEAD
	at   int64
	held int64 // number of the chunk in plain; -1 = none
	buf  []byte
	part []byte // of buf: the chunk in the plain
}

func newReader(f file, c Clip, keys Keys, key []byte) (*reader, error) {
	if c.Size <= 0 {
		return nil, damaged(c, io.ErrUnexpectedEOF)
	}
	salt := make([]byte, saltSize)
	if _, err := f.ReadAt(salt, 0); err != nil {
		return nil, damaged(c, err)
	}
	aead, err := cipherOf(key, salt, c)
	if err != nil {
		return nil, damaged(c, err)
	}
	return &reader{file: f, clip: c, keys: keys, key: key, aead: aead, held: -1, buf: make([]byte, chunkSize+tagSize)}, nil
}

func damaged(c Clip, err error) error {
	return fmt.Errorf("%w: recording %s is damaged: %w", rekey.ErrStorage, c.Path, err)
}

// Read asks for the key once more: a download that is under way ends when the
// footage is sealed or erased.
func (r *reader) Read(p []byte) (int, error) {
	if r.at >= r.clip.Size {
		return 0, io.EOF
	}
	if err := r.permitted(); err != nil {
		return 0, err
	}
	if n := r.at / chunkSize; n != r.held {
		if err := r.load(n); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.part[r.at%chunkSize:])
	r.at += int64(n)
	return n, nil
}

func (r *reader) permitted() error {
	key, err := r.keys.FootageKey()
	if err != nil {
		return err
	}
	if !bytes.Equal(key, r.key) {
		return fmt.Errorf("%w: recording %s was erased", rekey.ErrNotFound, r.clip.Path)
	}
	return nil
}

func (r *reader) load(n int64) error {
	r.held = -1
	begin := n * chunkSize
	length := min(chunkSize, r.clip.Size-begin)
	chunk := r.buf[:length+tagSize]
	if _, err := r.file.ReadAt(chunk, saltSize+n*(chunkSize+tagSize)); err != nil {
		return damaged(r.clip, err)
	}
	part, err := r.aead.Open(chunk[:0], nonceOf(n, begin+length == r.clip.Size), chunk, nil)
	if err != nil {
		return damaged(r.clip, err)
	}
	r.part, r.held = part, n
	return nil
}

// Seek moves to any place that is not before the beginning.
func (r *reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.clip.Size
	default:
		return r.at, fmt.Errorf("%w: seek from %d", rekey.ErrInput, whence)
	}
	if offset < 0 {
		return r.at, fmt.Errorf("%w: seek to before the beginning", rekey.ErrInput)
	}
	r.at = offset
	return offset, nil
}

// Close gives the file back.
func (r *reader) Close() error { return r.file.Close() }
