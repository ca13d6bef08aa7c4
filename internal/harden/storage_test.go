package harden

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"rekey"
)

// Storage is of a recorder with nothing to find.
func (d *device) Storage(context.Context) ([]rekey.Disk, error) {
	return []rekey.Disk{{Name: "sda", State: "Success", OK: true}}, d.fail
}

// stored is a device with disks of its own.
type stored struct {
	*device
	disks []rekey.Disk
	why   error
}

func (s stored) Storage(context.Context) ([]rekey.Disk, error) { return s.disks, s.why }

func TestCheckStorage(t *testing.T) {
	t.Parallel()
	fine, bad := rekey.Disk{Name: "sda", State: "Success", OK: true}, rekey.Disk{Name: "sdb", State: "Error"}
	for name, tc := range map[string]struct {
		disks []rekey.Disk
		why   error
		want  string
	}{
		"all well": {disks: []rekey.Disk{fine}},
		"one bad":  {disks: []rekey.Disk{fine, bad}, want: "disk-trouble sdb"},
		"all bad":  {disks: []rekey.Disk{bad, {Name: "sdc", State: "IsError"}}, want: "disk-trouble sdb, disk-trouble sdc"},
		"none":     {want: NoDisk},
		"untold":   {why: rekey.ErrUnsupported, want: "not-checked disks"},
		"no right": {why: fmt.Errorf("x: %w", rekey.ErrDenied), want: "not-checked disks"},
		"odd":      {why: rekey.ErrUnreachable, want: "not-checked disks"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := ids(check(t, stored{good(), tc.disks, tc.why}, input())); got != tc.want {
				t.Errorf("found %q, want %q", got, tc.want)
			}
		})
	}
	refused := stored{good(), nil, &rekey.LoginError{Kind: rekey.ErrDenied}}
	if found, err := Check(t.Context(), refused, input()); !errors.As(err, new(*rekey.LoginError)) {
		t.Errorf("%q: %v", ids(found), err)
	}
	none := check(t, stored{good(), nil, nil}, input())[0]
	if Safe(none) || none.Fixable || none.Severity != High || none.Certainty != rekey.Verified {
		t.Errorf("%+v", none)
	}
}
