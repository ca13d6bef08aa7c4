package main

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"rekey"
)

// The whole demo runs with secrets that the test knows, with the trace of every
// request on. None of them may be found in what it prints, traces, shows on a
// page or leaves on disk, in any of the forms in which a secret leaks.
func TestDemoLeaksNoSecret(t *testing.T) {
	t.Parallel()
	var out, talk, pages syncBuffer
	secrets := map[string]rekey.Secret{}
	d := demo{dir: t.TempDir(), witness: func(what string, s rekey.Secret) { secrets[what] = s }, pages: &pages}
	d.out, d.talk, d.verbose = &out, &talk, true
	if err := d.run(context.Background(), false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"lost password", "new password", "answer", "seat token", "number", "agent's half", "owner's half"} {
		if secrets[want].IsZero() {
			t.Fatalf("the test does not know the %s: it would prove nothing", want)
		}
	}
	if !strings.Contains(talk.String(), "RPC2_Login") || pages.Len() == 0 {
		t.Fatal("no trace or no page was kept: the search would prove nothing")
	}
	places := map[string][]byte{"stdout": out.Bytes(), "stderr and trace": talk.Bytes(), "pages of the local seat": pages.Bytes()}
	files := 0
	err := filepath.WalkDir(d.dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		files++
		places[path], err = os.ReadFile(path)
		return err
	})
	if err != nil || files < 30 {
		t.Fatalf("%d files of the demo were searched; %v", files, err)
	}
	realm := realmOf(t, d.dir)
	for what, s := range secrets {
		for form, needle := range leaks(s, realm) {
			for place, text := range places {
				if bytes.Contains(bytes.ToLower(text), bytes.ToLower([]byte(needle))) {
					t.Errorf("the %s is in %s, %s", what, place, form)
				}
			}
		}
	}
}

// leaks are the forms of a secret to search for.
func leaks(s rekey.Secret, realm string) map[string]string {
	text := s.Reveal()
	forms := map[string]string{
		"as it is":       text,
		"in hex":         hex.EncodeToString([]byte(text)),
		"in base64":      strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(text)), "="),
		"URL-escaped":    url.QueryEscape(text),
		"without dashes": strings.ReplaceAll(text, "-", ""),
	}
	if realm != "" { // what the Dahua family takes instead of a password
		sum := md5.Sum(fmt.Appendf(nil, "admin:%s:%s", realm, text))
		forms["as a digest secret"] = hex.EncodeToString(sum[:])
	}
	return forms
}

// realmOf reads the recorder's digest realm where it says it to everybody.
func realmOf(t *testing.T, dir string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "recorder", "identity.json"))
	if err != nil {
		t.Fatal(err)
	}
	realm, err := jsonField(string(raw), "realm")
	if err != nil {
		t.Fatal(err)
	}
	return realm
}

// syncBuffer takes what several goroutines write.
type syncBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}
