package seclog

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// Events that the log writes about itself, with actor "seclog".
const (
	EventCreated   = "log.created"   // record 0: object is the origin, detail key the verifier key
	EventRecovered = "log.recovered" // after a crash; detail: cut_bytes, kept_records, hashes, and first_kept and last_kept where any were kept
)

// Create makes a new log in dir, which is made where it is missing, and opens
// it. Origin names the log in the whole world, as host/path without a scheme,
// such as desk.example.org/log. The error wraps fs.ErrExist where dir holds a
// log already.
func Create(ctx context.Context, dir, origin string, opt Options) (*Log, error) {
	return enter(ctx, dir, opt, func() error {
		if _, err := os.Stat(filepath.Join(dir, checkpointFile)); err == nil {
			return fmt.Errorf("create security log %s: there is one already: %w", dir, fs.ErrExist)
		}
		return lay(dir, origin)
	})
}

// Open opens the log in dir for appending. While another writer holds it, Open
// waits until ctx ends; the error then wraps ErrBusy. The error wraps
// fs.ErrNotExist where there is no log: one is never made by accident.
//
// Open settles what a crash left: whole records after the checkpoint are kept
// and covered, a record that was not written whole was never acknowledged and
// is cut off, and one record "log.recovered" tells. Which records were kept is
// in its detail: until then no signature stood over them, so somebody who can
// write to the file could have put them there. Where records that the
// checkpoint covers are missing or are not the signed ones, Open refuses with a
// *TamperError. To be quick it looks at the log's end only; to check the rest is
// Verify's work.
func Open(ctx context.Context, dir string, opt Options) (*Log, error) {
	if err := laid(dir); err != nil {
		return nil, err
	}
	return enter(ctx, dir, opt, func() error { return laid(dir) })
}

// OpenOrCreate opens the log in dir and makes it first where there is none. Of
// several processes that come at once, one makes it.
func OpenOrCreate(ctx context.Context, dir, origin string, opt Options) (*Log, error) {
	l, err := enter(ctx, dir, opt, func() error {
		err := laid(dir)
		if errors.Is(err, fs.ErrNotExist) {
			return lay(dir, origin)
		}
		return err
	})
	if err == nil && l.signer.Name() != origin {
		return nil, errors.Join(fmt.Errorf("open security log %s: it is the log of %s, not of %s", dir, l.signer.Name(), origin), l.Close())
	}
	return l, err
}

// enter takes the lock, has the caller prepare the directory, and loads the log.
func enter(ctx context.Context, dir string, opt Options, prepare func() error) (*Log, error) {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open security log: %w", err)
	}
	lock, err := waitLock(ctx, dir)
	if err != nil {
		return nil, err
	}
	l := &Log{dir: dir, opt: opt, lock: lock, turn: make(chan struct{}, 1)}
	if err = prepare(); err == nil {
		err = l.load(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, l.closeFiles())
	}
	l.release()
	return l, nil
}

// waitLock asks again and again, as flock knows no deadline.
func waitLock(ctx context.Context, dir string) (*os.File, error) {
	const longest = 50 * time.Millisecond
	for pause := time.Millisecond; ; pause = min(2*pause, longest) {
		f, err := tryLock(filepath.Join(dir, lockFile))
		if err != nil {
			return nil, fmt.Errorf("lock security log %s: %w", dir, err)
		}
		if f != nil {
			return f, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %s: %w", ErrBusy, dir, ctx.Err())
		case <-time.After(pause):
		}
	}
}

// laid is nil where dir holds a log. Without a checkpoint it holds none, unless
// there are records: then the checkpoint was lost.
func laid(dir string) error {
	_, err := os.Stat(filepath.Join(dir, checkpointFile))
	if err == nil {
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("open security log: %w", err)
	}
	if info, err := os.Stat(filepath.Join(dir, recordsFile)); err == nil && info.Size() > 0 {
		return tampered("%s has records but no checkpoint", dir)
	}
	return fmt.Errorf("open security log: no log in %s: %w", dir, fs.ErrNotExist)
}

// lay writes the files of an empty log. The checkpoint comes last: with it the
// log exists.
func lay(dir, origin string) error {
	if err := checkOrigin(origin); err != nil {
		return fmt.Errorf("create security log: %w", err)
	}
	if err := laid(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	skey, vkey, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return fmt.Errorf("create security log: make a key: %w", err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		return fmt.Errorf("create security log: %w", err)
	}
	var empty frontier
	signed, err := Checkpoint{Origin: origin, Root: empty.root()}.sign(signer)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name    string
		content []byte
	}{
		{keyFile, []byte(skey + "\n")}, {publicKeyFile, []byte(vkey + "\n")}, {recordsFile, nil}, {hashesFile, nil}, {checkpointFile, signed},
	} {
		if err := replaceFile(filepath.Join(dir, f.name), f.content); err != nil {
			return fmt.Errorf("create security log: %w", err)
		}
	}
	return nil
}

// loadKeys reads both halves of the log's key and sees that they fit.
func (l *Log) loadKeys() error {
	skey, err := os.ReadFile(l.path(keyFile))
	if err != nil {
		return fmt.Errorf("open security log: %w", err)
	}
	if l.signer, err = note.NewSigner(strings.TrimSpace(string(skey))); err != nil {
		return fmt.Errorf("open security log: the file %s is not a signing key: %w", l.path(keyFile), err)
	}
	public, err := ReadKey(os.DirFS(l.dir))
	if err != nil {
		return err
	}
	l.key = strings.TrimSpace(public)
	v, err := note.NewVerifier(l.key)
	if err != nil {
		return fmt.Errorf("open security log: the file %s is not a verifier key: %w", l.path(publicKeyFile), err)
	}
	if v.Name() != l.signer.Name() || v.KeyHash() != l.signer.KeyHash() {
		return tampered("the files %s and %s in %s are not halves of one key", keyFile, publicKeyFile, l.dir)
	}
	return nil
}
