package recorder

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"rekey"
	"rekey/internal/argon"
	"rekey/internal/durable"
	"rekey/recovery"
	"rekey/seclog"
)

// The files of a box's folder. What lies under the storage key is named so.
const (
	identityFile    = "identity.json" // public; written last: with it the box exists
	storageKeyFile  = "storage.key"   // 64 hex digits, mode 0600
	deviceKeyFile   = "device.key"    // K_dev, sealed
	certificateFile = "certificate.pem"
	certKeyFile     = "certificate.key" // PKCS #8, sealed
	stateFile       = "state.json"      // accounts, counters, settings: the transaction
	guardFile       = "guard.json"
	guardCopyFile   = "guard.copy.json"
	logDir          = "log"
	footageDir      = "footage"
	enrolmentFile   = "enrolment.json" // K_dev for the desk, sealed to its public key
)

// FootageDir is where the footage of the box in dir lies.
func FootageDir(dir string) string { return filepath.Join(dir, footageDir) }

// LogDir is where the security log of the box in dir lies.
func LogDir(dir string) string { return filepath.Join(dir, logDir) }

// Exists tells whether there is a box in dir.
func Exists(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, identityFile))
	return err == nil
}

// Init makes a recorder in dir, in factory state or with the account admin. The
// folder may exist; what an Init that was cut short left in it is replaced. A
// recorder that is there already is rekey.ErrConflict and stays as it is.
//
// Footage is not made here: see the package clips and FootageDir.
func Init(dir string, c Config) (Info, error) {
	if err := CheckInit(dir, c); err != nil {
		return Info{}, err
	}
	c = c.withDefaults()
	i, err := newIdentity(c)
	if err != nil {
		return Info{}, err
	}
	if err := durable.MkdirAll(dir); err != nil {
		return Info{}, storageError("make the recorder's folder", err)
	}
	if err := build(dir, i, c); err != nil {
		return Info{}, err
	}
	return i.Info, nil
}

// CheckInit tells what Init would refuse, and changes nothing.
func CheckInit(dir string, c Config) error {
	i, err := newIdentity(c.withDefaults())
	if err != nil {
		return err
	}
	if !c.AdminPassword.IsZero() {
		t, err := i.Face.traits()
		if err != nil {
			return err
		}
		if err := checkNewAccount(t.Rule, AdminAccount, c.AdminPassword); err != nil {
			return err
		}
	}
	if n := len(c.FootageKey); n != 0 && n != FootageKeySize {
		return fmt.Errorf("%w: the key of the recordings has %d bytes; expected %d", rekey.ErrInput, n, FootageKeySize)
	}
	return checkFolder(dir)
}

// checkFolder lets only a new folder become a recorder, an empty one, or one
// that an Init which was cut short has begun.
func checkFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return storageError("look into the recorder's folder", err)
	}
	ours := map[string]bool{footageDir: true}
	if _, err := os.Stat(filepath.Join(dir, storageKeyFile)); err == nil {
		for _, name := range []string{storageKeyFile, deviceKeyFile, certificateFile, certKeyFile, stateFile, guardFile, guardCopyFile, logDir, enrolmentFile} {
			ours[name] = true
		}
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case name == identityFile:
			return conflict("there is a recorder in " + dir + " already")
		case !ours[name] && !strings.Contains(name, ".tmp-"):
			return conflict(fmt.Sprintf("folder %s holds %q already; a recorder wants a folder of its own", dir, clip(name)))
		}
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.Argon == nil {
		cost := argon.Default()
		c.Argon = &cost
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// build writes everything, the identity last.
func build(dir string, i identity, c Config) error {
	storage, kdev := make([]byte, chacha20poly1305.KeySize), make([]byte, recovery.KeySize)
	for _, key := range [][]byte{storage, kdev} {
		if _, err := io.ReadFull(c.Rand, key); err != nil {
			return storageError("draw keys", err)
		}
	}
	seal, err := newSealer(storage, c.Rand)
	if err != nil {
		return err
	}
	cert, certKey, err := newCertificate(i.Info, c.Now(), seal)
	if err != nil {
		return err
	}
	sealedKey, err := seal.seal(kdev, deviceKeyContext(i))
	if err != nil {
		return err
	}
	first, err := firstState(i, c, seal)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		data []byte
	}{
		{storageKeyFile, []byte(hex.EncodeToString(storage) + "\n")}, // first: see checkFolder
		{deviceKeyFile, sealedKey},
		{certificateFile, cert},
		{certKeyFile, certKey},
		{stateFile, first},
	} {
		if err := durable.WriteFile(filepath.Join(dir, f.name), f.data, 0o600); err != nil {
			return storageError("make the recorder", err)
		}
	}
	if err := newGuardStore(dir, durable.WriteFile).Save(recovery.Record{}); err != nil {
		return storageError("make the recorder", err)
	}
	if err := newLog(dir, i, c); err != nil {
		return err
	}
	if c.DeskKey != nil {
		e, err := enrolment(i, kdev, c.DeskKey)
		if err != nil {
			return err
		}
		if err := WriteEnrolment(EnrolmentFile(dir), e); err != nil {
			return err
		}
	}
	data, err := json.MarshalIndent(i, "", " ")
	if err != nil {
		return err
	}
	if err := durable.WriteFile(filepath.Join(dir, identityFile), data, 0o600); err != nil {
		return storageError("make the recorder", err)
	}
	return nil
}

// firstState is the factory state, with the account admin where a password is given.
func firstState(i identity, c Config, seal *sealer) ([]byte, error) {
	t, err := i.Face.traits()
	if err != nil {
		return nil, err
	}
	b := &Box{id: i, traits: t, argon: *c.Argon, rand: c.Rand, now: c.Now, seal: seal}
	s := &state{Format: stateFormat, Accounts: map[string]account{}, Tables: b.defaults()}
	if s.Footage, err = b.newFootage(c.FootageKey); err != nil {
		return nil, err
	}
	if s.Cameras, err = b.newCameras(c.Cameras); err != nil {
		return nil, err
	}
	if !c.AdminPassword.IsZero() {
		setUp, err := b.setUp(AdminAccount, c.AdminPassword)
		if err != nil {
			return nil, err
		}
		setUp(s)
	}
	return json.MarshalIndent(s, "", " ")
}

// newLog makes the security log afresh; one that lies there belongs to an Init
// that was cut short.
func newLog(dir string, i identity, c Config) (err error) {
	name := filepath.Join(dir, logDir)
	if err := os.RemoveAll(name); err != nil {
		return storageError("make the security log", err)
	}
	ctx := context.Background()
	l, err := seclog.Create(ctx, name, "rekey.invalid/recorder/"+i.DeviceID.String(), seclog.Options{Now: c.Now, ClockTrust: seclog.ClockRTC})
	if err != nil {
		return storageError("make the security log", err)
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	records := []seclog.Record{{Actor: "factory", Event: "recorder.made", Object: i.Info.DeviceID, Result: "ok", Detail: map[string]string{"model": i.Model, "serial": i.Serial, "firmware": i.Firmware}}}
	if !c.AdminPassword.IsZero() {
		records = append(records, seclog.Record{Actor: "factory", Event: "setup.done", Object: AdminAccount, Result: "ok"})
	}
	if c.DeskKey != nil {
		records = append(records, enrolRecord("factory", i, c.DeskKey))
	}
	if _, err := l.AppendBatch(ctx, records); err != nil {
		return storageError("write the security log", err)
	}
	return nil
}

func newGuardStore(dir string, write writeFile) *guardStore {
	return &guardStore{names: [2]string{filepath.Join(dir, guardFile), filepath.Join(dir, guardCopyFile)}, write: write}
}

func deviceKeyContext(i identity) string { return "recorder K_dev\x00" + i.DeviceID.String() }

func conflict(what string) error { return fmt.Errorf("%w: %s", rekey.ErrConflict, what) }
