// Package office is a support desk with its people, for tests that each begin
// with a copy of one: to make a desk, its tables and six passkeys takes seconds
// under the race detector.
package office

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"rekey"
	"rekey/internal/argon"
	"rekey/internal/desk"
	"rekey/internal/desk/passkey"
	"rekey/internal/desk/staff"
)

// Opened is when the desk was made, by its own clock.
func Opened() time.Time { return time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC) }

// At is the desk's address without a port: passkeys are bound to its name.
const At = "http://localhost"

// People are who works there: ann and bob take calls, carol approves, sue
// supervises, otto audits, and root, the first administrator, keeps the registry.
func People() map[string]staff.Role {
	return map[string]staff.Role{"ann": staff.RoleAgent, "bob": staff.RoleAgent, "carol": staff.RoleApprover,
		"sue": staff.RoleSupervisor, "otto": staff.RoleAuditor, "root": staff.RoleAdministrator}
}

type made struct {
	folder Folder
	keys   map[string]*passkey.Key
}

var once = sync.OnceValues(build) //nolint:gochecknoglobals // it is only read

// Copy puts a desk into dir, which must not be there yet, and returns its
// people's passkeys. All copies have the same keys.
func Copy(dir string) (map[string]*passkey.Key, error) {
	m, err := once()
	if err != nil {
		return nil, err
	}
	return maps.Clone(m.keys), m.folder.Put(dir)
}

func build() (m made, err error) {
	home, err := os.MkdirTemp("", "rekey")
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(home)) }()
	ctx, dir := context.Background(), filepath.Join(home, "desk")
	// Whoever opens a copy has booted since: their clocks are no jump of this one.
	boot := func() time.Duration { return 100_000 * time.Hour }
	o := desk.Options{URL: At, Argon: argon.Cheap(), Now: Opened, Boot: boot}
	if _, err := desk.Init(ctx, dir, "root", o); err != nil {
		return m, err
	}
	d, err := desk.Open(ctx, dir, o)
	if err != nil {
		return m, err
	}
	if m.keys, err = join(ctx, d); err != nil {
		return m, errors.Join(err, d.Close())
	}
	if err := d.Close(); err != nil {
		return m, err
	}
	m.folder, err = Take(dir)
	return m, err
}

func join(ctx context.Context, d *desk.Desk) (map[string]*passkey.Key, error) {
	keys := map[string]*passkey.Key{}
	for name, role := range People() {
		if role != staff.RoleAdministrator {
			if err := d.AddAgent(ctx, desk.Operator(), name, role, desk.StepUp{}); err != nil {
				return nil, err
			}
		}
		var err error
		if keys[name], err = Register(ctx, d, name, At); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// Register gives an agent a passkey by a one-time link, at a desk whose address
// is origin.
func Register(ctx context.Context, d *desk.Desk, name, origin string) (*passkey.Key, error) {
	link, _, err := d.Invite(ctx, desk.Operator(), name, false, desk.StepUp{})
	if err != nil {
		return nil, err
	}
	_, text, _ := strings.Cut(link.Reveal(), "#")
	token, from := rekey.NewSecret(text), netip.MustParseAddr("127.0.0.1")
	c, _, err := d.Staff().BeginPasskey(ctx, token, from)
	if err != nil {
		return nil, err
	}
	k, credential, err := passkey.Create(origin, c.Options, rand.Reader)
	if err != nil {
		return nil, err
	}
	_, err = d.Staff().FinishPasskey(ctx, token, from, c.ID, credential, "test")
	return k, err
}
