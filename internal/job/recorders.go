package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"rekey"
	"rekey/internal/durable"
)

// known is a recorder that was met before, with every name that it ever told.
// Discovery by UDP tells more names than the web page and gets lost more
// easily: what was learnt once is remembered, so that a recorder keeps its one
// key, and with it its passwords, its login budget and its runs.
type known struct {
	Key      string         `json:"key"`
	Identity rekey.Identity `json:"identity"`
	Targets  []rekey.Target `json:"targets"`
	// Certificates are the fingerprints under which a login last succeeded, by TCP port.
	Certificates map[string]string `json:"certificates,omitempty"`
}

// Recognise gives the recorder its key, the same as ever, and fills in the names
// that it told before and does not tell now. Nothing is written.
func (r *Runner) Recognise(id rekey.Identity, t rekey.Target) (rekey.Identity, string, error) {
	all, err := readKnown(r.knownFile())
	if err != nil {
		return id, "", err
	}
	if i := metAs(all, id, t); i >= 0 {
		return all[i].fill(id), all[i].Key, nil
	}
	return id, id.Key(t), nil
}

// remember keeps what the recorder tells now for another time.
func (r *Runner) remember(id rekey.Identity, t rekey.Target) error {
	return r.editKnown(func(all []known) []known {
		i := metAs(all, id, t)
		if i < 0 {
			all = append(all, known{Key: id.Key(t)})
			i = len(all) - 1
		}
		all[i].learn(id, t)
		return all
	})
}

// editKnown changes the list of known recorders; other processes wait.
func (r *Runner) editKnown(edit func([]known) []known) error {
	if err := durable.MkdirAll(r.Dir); err != nil {
		return storageError(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	unlock, err := durable.Lock(ctx, r.knownFile()+".lock")
	if err != nil {
		return fmt.Errorf("%w: known recorders: %w", rekey.ErrStorage, err)
	}
	defer func() { _ = unlock() }() // ends with the process all the same
	all, err := readKnown(r.knownFile())
	if err != nil {
		return err
	}
	return writeKnown(r.knownFile(), edit(all))
}

// remembered are the certificates that were remembered of the recorder with that key.
func (r *Runner) remembered(key string) (map[string]string, error) {
	all, err := readKnown(r.knownFile())
	for _, k := range all {
		if k.Key == key && k.Certificates != nil {
			return k.Certificates, err
		}
	}
	return map[string]string{}, err
}

func (r *Runner) knownFile() string { return filepath.Join(r.Dir, "recorders.json") }

// metAs finds the recorder among those that were met; -1: it is new. One that
// was met at that address and told no name then is taken for it, so that its
// wrong tries stay booked.
func metAs(all []known, id rekey.Identity, t rekey.Target) int {
	i := slices.IndexFunc(all, func(k known) bool { return k.is(id, t) })
	if i >= 0 {
		return i
	}
	return slices.IndexFunc(all, func(k known) bool {
		nameless := k.Identity.DeviceID == "" && k.Identity.Serial == "" && k.Identity.MAC == "" && k.Identity.Realm == ""
		return nameless && k.Identity.Family == id.Family && slices.Contains(k.Targets, t)
	})
}

// is tells whether it is that recorder. The first name that both tell decides:
// Device ID and serial are for life, while a recorder may have several MACs and
// its realm may change. One that tells no name at all is the one at its address.
func (k known) is(id rekey.Identity, t rekey.Target) bool {
	told := false
	for _, n := range [][2]string{
		{k.Identity.DeviceID, id.DeviceID}, {k.Identity.Serial, id.Serial}, {k.Identity.MAC, id.MAC}, {k.Identity.Realm, id.Realm},
	} {
		told = told || n[1] != ""
		if n[0] != "" && n[1] != "" {
			return n[0] == n[1]
		}
	}
	return !told && slices.Contains(k.Targets, t)
}

func (k *known) learn(id rekey.Identity, t rekey.Target) {
	k.Identity = k.fill(id)
	i := &k.Identity // what is of the day is not kept
	i.Interfaces, i.Learnt, i.Init, i.Lock, i.Oddities, i.Resets = nil, nil, "", nil, nil, nil
	if !slices.Contains(k.Targets, t) {
		k.Targets = append(k.Targets, t)
	}
}

// fill keeps what id tells and adds what it does not.
func (k known) fill(id rekey.Identity) rekey.Identity {
	was := k.Identity
	for _, f := range []struct {
		now  *string
		was  string
		what string
	}{
		{&id.Vendor, was.Vendor, "vendor"}, {&id.Model, was.Model, "model"}, {&id.Class, was.Class, "class"}, {&id.Name, was.Name, "name"},
		{&id.Serial, was.Serial, "serial"}, {&id.DeviceID, was.DeviceID, "device_id"}, {&id.MAC, was.MAC, "mac"},
		{&id.Firmware, was.Firmware, "firmware"}, {&id.Realm, was.Realm, "realm"},
	} {
		if *f.now == "" && f.was != "" {
			*f.now = f.was
			id.Learnt = append(id.Learnt, rekey.Fact{What: f.what, From: "an earlier answer"})
		}
	}
	if id.Channels == 0 {
		id.Channels = was.Channels
	}
	return id
}

func readKnown(file string) (all []known, err error) {
	raw, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, storageError(err)
	}
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, fmt.Errorf("%w: known recorders %s: %w", rekey.ErrStorage, file, err)
	}
	return all, nil
}

func writeKnown(file string, all []known) error {
	raw, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		return err
	}
	return storageError(durable.WriteFile(file, append(raw, '\n'), 0o600))
}
