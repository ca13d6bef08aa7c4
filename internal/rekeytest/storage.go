package rekeytest

import (
	"slices"
	"testing"

	"rekey"
)

// storage: the disk that the box records to is told, with its size, and is well.
func storage(t *testing.T, d rekey.Driver, b Box) {
	s := can[rekey.StorageReader](t, open(t, d, b.HTTP, b.Admin))
	list, err := s.Storage(t.Context())
	if err != nil || len(list) == 0 {
		t.Fatalf("%+v: %v", list, err)
	}
	for _, disk := range list {
		if disk.Name == "" || !disk.OK || disk.Total <= 0 || disk.Used < 0 || disk.Used > disk.Total {
			t.Errorf("%+v", disk)
		}
	}
	if b.BreakDisk == nil {
		return
	}
	b.BreakDisk()
	if list, err = s.Storage(t.Context()); err != nil || len(list) == 0 || list[0].OK || list[0].State == "" {
		t.Errorf("broken: %+v: %v", list, err)
	}
}

// upgrading: it is told when firmware is being written, and when none is.
func upgrading(t *testing.T, d rekey.Driver, b Box) {
	s := can[rekey.UpgradeReader](t, open(t, d, b.HTTP, b.Admin))
	if yes, said, err := s.Upgrading(t.Context()); err != nil || yes {
		t.Errorf("%t, %q: %v", yes, said, err)
	}
	b.Upgrade()
	if yes, said, err := s.Upgrading(t.Context()); err != nil || !yes || said == "" {
		t.Errorf("while it is upgraded: %t, %q: %v", yes, said, err)
	}
}

// groups: that of the administrators is told from one whose accounts may change no account.
func groups(t *testing.T, d rekey.Driver, b Box) {
	list, err := can[rekey.GroupLister](t, open(t, d, b.HTTP, b.Admin)).Groups(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	is := func(admin bool) func(rekey.Group) bool {
		return func(g rekey.Group) bool { return g.Admin == admin && (g.Name == "admin") == admin && len(g.Rights) > 0 }
	}
	if !slices.ContainsFunc(list, is(true)) || !slices.ContainsFunc(list, is(false)) {
		t.Errorf("%+v", list)
	}
}
