package recorder

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"rekey"
	"rekey/internal/argon"
	"rekey/internal/durable"
	"rekey/recovery"
	"rekey/seclog"
)

// Box is a recorder that is switched on. Its methods may be called from many
// goroutines.
type Box struct {
	dir    string
	id     identity
	traits Traits
	cert   tls.Certificate
	seal   *sealer
	argon  argon.Cost
	rand   io.Reader
	now    func() time.Time
	clock  func() time.Duration
	write  writeFile
	supply supply

	journal *seclog.Log
	support *support
	nobody  account // takes the time of a compare where there is no account

	tries      sync.Mutex               // one login try at a time; taken before mu
	lockedAt   map[string]time.Duration // boot time at which a lock was seen to start; this and the next four under tries
	strangers  map[string]stranger
	refusals   refusals
	codeGrants map[string]*CodeGrant // by account
	waits      [closings]wait        // after wrong tries at what a reset has closed

	button button

	mu      sync.Mutex // one change at a time
	current atomic.Pointer[state]
	serving atomic.Pointer[Ports]
	seats   sessions
	cloud   signal
}

// Open switches the recorder in dir on: a boot. Locks and penalties that had
// not run out start again in full; challenges, grants and sessions of the boot
// before are gone. A recorder that runs already is rekey.ErrConflict, a folder
// without one rekey.ErrNotFound.
func Open(dir string, o Options) (*Box, error) { return open(dir, o, durable.WriteFile) }

func open(dir string, o Options, write writeFile) (b *Box, err error) {
	b = &Box{dir: dir, rand: o.Rand, now: o.Now, clock: o.Clock, argon: argon.Default(), write: write, lockedAt: map[string]time.Duration{}, strangers: map[string]stranger{}, refusals: newRefusals(), codeGrants: map[string]*CodeGrant{}}
	b.write = b.supply.through(write)
	b.fill(o)
	if err := b.load(); err != nil {
		return nil, err
	}
	boot := make([]byte, 8)
	if _, err := io.ReadFull(b.rand, boot); err != nil {
		return nil, storageError("draw a boot id", err)
	}
	if b.journal, err = openLog(dir, hex.EncodeToString(boot), b.now); err != nil {
		return nil, err
	}
	if err := b.start(); err != nil {
		return nil, errors.Join(err, b.journal.Close())
	}
	return b, nil
}

func (b *Box) fill(o Options) {
	if o.Argon != nil {
		b.argon = *o.Argon
	}
	if b.rand == nil {
		b.rand = rand.Reader
	}
	b.now, b.clock = o.WallClock(), o.BootClock()
}

// load reads what needs no lock on the folder.
func (b *Box) load() (err error) {
	if b.id, err = loadIdentity(b.dir); err != nil {
		return err
	}
	if b.traits, err = b.id.Face.traits(); err != nil {
		return err
	}
	key, err := readStorageKey(b.dir)
	if err != nil {
		return err
	}
	if b.seal, err = newSealer(key, b.rand); err != nil {
		return err
	}
	b.cert, err = loadCertificate(b.dir, b.seal)
	return err
}

// start does what needs the lock: the state, the records that are due, the guard.
func (b *Box) start() error {
	if err := durable.Sweep(b.dir); err != nil {
		return storageError("remove what a power cut left half written", err)
	}
	s, err := loadState(b.dir)
	if err != nil {
		return err
	}
	if s.Pending, err = missing(b.dir, s.Pending); err != nil {
		return err
	}
	b.current.Store(s)
	if err := b.settle(); err != nil {
		return err
	}
	if err := b.makeNobody(); err != nil {
		return err
	}
	if err := b.mendFootage(); err != nil {
		return err
	}
	b.beginWaits()
	keys, epoch, err := b.deskKeys(nil) // the maker's; guarded follows the state
	if err != nil {
		return err
	}
	store := newGuardStore(b.dir, b.write)
	b.support, err = newSupport(recovery.GuardConfig{
		DeviceID: b.id.DeviceID, Epoch: epoch, Keys: keys,
		Store: store, Clock: b.clock, Rand: b.rand,
	})
	if err != nil {
		return storageError("start the recovery guard", err)
	}
	if err := b.missingGuardEvents(store); err != nil {
		return err
	}
	if err := b.followDesks("boot"); err != nil {
		return err
	}
	return b.Record("boot", "recorder", b.id.Info.DeviceID, "ok", map[string]string{"firmware": b.id.Firmware})
}

func (b *Box) makeNobody() error {
	pw := make([]byte, 16)
	if _, err := io.ReadFull(b.rand, pw); err != nil {
		return storageError("draw a hash for nobody", err)
	}
	var err error
	b.nobody, err = b.withPassword(account{}, nobodyName, rekey.NewSecret(hex.EncodeToString(pw)))
	return err
}

func (b *Box) deviceKey() ([]byte, error) {
	sealed, err := os.ReadFile(filepath.Join(b.dir, deviceKeyFile))
	if err != nil {
		return nil, storageError("read the device key", err)
	}
	return b.seal.open(sealed, deviceKeyContext(b.id))
}

// Close switches the recorder off in an orderly way. Locks that have run out
// are settled, so that the next boot does not start them again.
func (b *Box) Close() error {
	b.tries.Lock()
	defer b.tries.Unlock()
	over := errors.Join(b.settleLocks(), b.settleWaits())
	b.support.mu.Lock()
	defer b.support.mu.Unlock()
	b.support.guard.Close()
	over = errors.Join(over, b.recordGuard(), b.Record("shutdown", "recorder", b.id.Info.DeviceID, "ok", b.refusals.detail()))
	b.supply.end()
	return errors.Join(over, b.journal.Close())
}

// Info is what the recorder says of itself.
func (b *Box) Info() Info {
	i := b.id.Info
	i.Name = b.state().Tables["General"]["MachineName"]
	return i
}

// DeviceID is the Device ID of the label.
func (b *Box) DeviceID() recovery.DeviceID { return b.id.DeviceID }

// Realm is the digest realm, "Login to " and 32 hex digits. It never changes.
func (b *Box) Realm() string { return b.id.Realm }

// Dir is the box's folder.
func (b *Box) Dir() string { return b.dir }

// Certificate is the self-signed certificate of the box.
func (b *Box) Certificate() tls.Certificate { return b.cert }

// Now is the recorder's wall clock, in UTC.
func (b *Box) Now() time.Time { return b.now().UTC() }
