package rekeytest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"rekey"
	"rekey/internal/hikvision"
	"rekey/internal/onvif"
	"rekey/internal/rekeytest/faces"
)

// Without HTTPS a new password goes out in the clear only where that risk was accepted.
func TestClearPasswordIsARisk(t *testing.T) {
	t.Parallel()
	for _, k := range keyedBoxes() {
		if !strings.Contains(k.name, "clear") {
			continue
		}
		careful := rekey.Driver(hikvision.New(quiet()))
		if k.d.Family() == "onvif" {
			careful = onvif.New(quiet())
		}
		for _, own := range []bool{true, false} {
			b, keys := k.ready(t)
			err := alter(t.Context(), open(t, careful, b.HTTP, b.Admin), b, own)
			if !errors.Is(err, rekey.ErrRisk) || !strings.Contains(err.Error(), string(rekey.RiskClearPassword)) {
				t.Errorf("%s, own %t: %v", k.name, own, err)
			}
			if len(keys.Faults()) > 0 || len(keys.Wrong()) > 0 || !keys.Is("admin", "Old-Pass1") || !keys.Is("second", "Second-Pass2") {
				t.Errorf("%s, own %t: %q, %v", k.name, own, keys.Faults(), keys.Wrong())
			}
			if err := alter(t.Context(), open(t, k.d, b.HTTP, b.Admin), b, own); err != nil || len(keys.Faults()) != 1 {
				t.Errorf("%s, own %t, accepted: %q: %v", k.name, own, keys.Faults(), err)
			}
		}
	}
}

// Any password goes through as it is, on every door, or is refused before it is sent.
func TestPasswordsRoundTrip(t *testing.T) {
	t.Parallel()
	longest := map[string]int{"hikvision": 16, "onvif": 28}
	for _, k := range keyedBoxes() {
		if strings.Contains(k.name, "clear") {
			continue
		}
		most := longest[k.d.Family()]
		for name, c := range map[string]struct {
			password string
			must     bool // it has to be taken
		}{
			"longest":          {"Aa1" + strings.Repeat("x", most-3), true},
			"one too long":     {"Aa1" + strings.Repeat("x", most-2), false},
			"XML":              {`a<b>&"c'1]]>`, false},
			"quotes":           {`Ab1"\',;:= /`, false},
			"inner blank":      {"Abc 12 34", false},
			"blanks around":    {" Abc1234 ", false},
			"not ASCII":        {"Schlüssel1", false},
			"not ASCII, 4":     {"Key😀Key1", false},
			"composed or not":  {"Ame\u0301lie12", false},
			"tab":              {"Abc\t1234", false},
			"carriage return":  {"Abc\r\n1234", false},
			"control":          {"Abc\x011234", false},
			"no UTF-8":         {"Abc\xff1234", false},
			"colon and amp":    {"Ab:1&2%20+", false},
			"letters, figures": {"Abcd1234", true},
		} {
			t.Run(k.name+", "+name, func(t *testing.T) {
				t.Parallel()
				roundTrip(t, k, c.password, c.must)
			})
		}
	}
}

func roundTrip(t *testing.T, k keyed, password string, must bool) {
	b, keys := k.ready(t)
	b.Password = password
	blameless(t, keys)
	s := open(t, k.d, b.HTTP, b.Admin)
	list := tried(t, k.d, b, doors(t, s))
	err := alter(t.Context(), s, b, false)
	switch {
	case err != nil && must:
		t.Errorf("refused: %v", err)
	case err != nil && (!errors.Is(err, rekey.ErrInput) && !errors.Is(err, rekey.ErrDenied) || !keys.Is("second", "Second-Pass2")):
		t.Errorf("neither changed nor refused: %v", err)
	case err == nil && !keys.Is("second", password):
		t.Errorf("another password arrived than was sent")
	case err == nil:
		for _, i := range list {
			if err := k.d.Check(t.Context(), i, with(b.Second, password), &Book{}); err != nil {
				t.Errorf("%s: %v", i, err)
			}
		}
	}
	if err != nil && strings.Contains(err.Error(), password) {
		t.Error("the error tells the password")
	}
}

// Somebody else changes the password while a session is open: that costs one try.
func TestPasswordChangedMeanwhile(t *testing.T) {
	t.Parallel()
	for _, k := range keyedBoxes() {
		for _, own := range []bool{true, false} {
			b, keys := k.ready(t)
			book := &Book{}
			s, err := k.d.Open(t.Context(), look(t, k.d, b.HTTP), b.Admin, book)
			if err != nil {
				t.Fatal(err)
			}
			keys.Set("admin", "Theirs-Pass3")
			err = alter(t.Context(), s, b, own)
			if !errors.Is(err, rekey.ErrDenied) || errors.Is(err, rekey.ErrUnknown) {
				t.Errorf("%s, own %t: %v", k.name, own, err)
			}
			if wrong := len(keys.Wrong()); wrong != 1 || book.Spent-book.Given != 1 {
				t.Errorf("%s, own %t: %d wrong tries; booked %d, given back %d", k.name, own, wrong, book.Spent, book.Given)
			}
			if !keys.Is("admin", "Theirs-Pass3") || !keys.Is("second", "Second-Pass2") {
				t.Errorf("%s, own %t: changed all the same", k.name, own)
			}
			if err := s.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
}

// A box whose clock is set while a session is open costs one try at most.
func TestClockSetMeanwhile(t *testing.T) {
	t.Parallel()
	box := &faces.ONVIFBox{Login: faces.ByToken, Ahead: time.Hour}
	b, keys := onvifBox(t, box)
	b.Password = goodPassword
	book := &Book{}
	d := onvif.New(quiet())
	s, err := d.Open(t.Context(), look(t, d, b.HTTP), b.Admin, book)
	if err != nil {
		t.Fatal(err)
	}
	box.Shift(-26 * time.Hour)
	err = alter(t.Context(), s, b, true)
	wrong := len(keys.Wrong())
	t.Logf("%d wrong tries: %v", wrong, err)
	if wrong > 1 || book.Spent-book.Given < wrong || changed(err) == "unchanged" != keys.Is("admin", "Old-Pass1") && changed(err) != "unknown" {
		t.Errorf("%d wrong tries; booked %d, given back %d: %v", wrong, book.Spent, book.Given, err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// A change that is said to be in force after a restart alone is not said to have failed.
func TestHikvisionWantsARestart(t *testing.T) {
	t.Parallel()
	d := hikvision.New(quiet())
	b, keys := hikvisionBox(t, &faces.HikvisionBox{Reboot: true})
	blameless(t, keys)
	if err := alter(t.Context(), open(t, d, b.HTTP, b.Admin), b, true); err != nil && !errors.Is(err, rekey.ErrUnknown) {
		t.Error(err)
	}
}

// The cameras behind the box, and how each is.
func TestHikvisionChannels(t *testing.T) {
	t.Parallel()
	d := hikvision.New(quiet())
	b, _ := hikvisionBox(t, &faces.HikvisionBox{})
	list, err := can[rekey.ChannelLister](t, open(t, d, b.HTTP, b.Admin)).Channels(t.Context())
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v: %v", list, err)
	}
	first, second := list[0], list[1]
	if first.Number != 1 || first.Name != "Camera 1" || first.Address != "192.168.254.2" || first.Account != "admin" || !first.Online {
		t.Errorf("%+v", first)
	}
	if second.Number != 2 || second.Online || !strings.Contains(second.Why, "netUnreachable") {
		t.Errorf("%+v", second)
	}
}
