package main

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/rekeytest/mailbox"
	"rekey/recovery"
)

// verbs are one agent's commands, each of which logs in by itself.
type verbs struct {
	*deskFolder
	name string
}

// joined has an agent join by the verb, with a passkey in a file.
func (d *deskFolder) joined(name string) verbs {
	d.t.Helper()
	d.phrase()
	out, err := runDesk(d.t.Context(), d.t, "join", "--desk", d.url, "--link-file", d.file("link-"+name, ""), "--json",
		"--passkey", d.file("passkey-"+name, ""), "--passphrase-file", d.phrase())
	if err != nil || !strings.Contains(out, `"name":"`+name+`"`) {
		d.t.Fatalf("join: %v: %s", err, out)
	}
	if info, err := os.Stat(d.file("passkey-"+name, "")); err != nil || info.Mode().Perm() != 0o600 {
		d.t.Errorf("the passkey's file: %v, %v", info.Mode(), err)
	}
	return verbs{d, name}
}

func (d *deskFolder) phrase() string { return d.file("passphrase", testPassphrase) }

func (v verbs) try(args ...string) (string, error) {
	v.t.Helper()
	return runDesk(v.t.Context(), v.t, append(args, "--json", "--desk", v.url, "--passkey", v.file("passkey-"+v.name, ""), "--passphrase-file", v.phrase())...)
}

// of runs a verb and reads the case that it tells.
func (v verbs) of(args ...string) (c desk.Case) {
	v.t.Helper()
	out, err := v.try(args...)
	if err != nil {
		v.t.Fatalf("%s: desk %v: %v", v.name, args, err)
	}
	if err := json.Unmarshal([]byte(out), &c); err != nil || c.Number == 0 {
		v.t.Fatalf("%s: desk %v: %v: %s", v.name, args, err, out)
	}
	return c
}

// TestDeskFromInitToAnswer takes a case to its end by nothing but verbs: two
// agents on the command line, the owner at the telephone.
func TestDeskFromInitToAnswer(t *testing.T) {
	t.Parallel()
	d := newDeskFolder(t)
	d.serve()
	id, keys := d.enrol()
	ann, carol := d.joined("ann"), d.joined("carol")

	c := ann.of("case", "open", id.String(), "--caller", "+49 30 1234567")
	number := strconv.FormatInt(c.Number, 10)
	ann.of("case", "code", number, "0")
	code := d.code()
	ann.of("case", "evidence", number, "E2", "--code-file", d.file("code", code))
	ann.of("case", "evidence", number, "E6", "--note", "called back at half past two")
	if c = carol.of("approve", number); c.ApprovedBy != "carol" {
		t.Errorf("approved by %q", c.ApprovedBy)
	}
	for c.Stage == desk.StageTelling {
		c = ann.of("case", "show", number)
	}
	ch, err := keys.NewChallenge(recovery.PurposePassword, 0, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	want, err := keys.Answer(id, "admin", ch)
	if err != nil {
		t.Fatal(err)
	}
	out, err := ann.try("reveal", number, "--challenge", ch.String())
	var half desk.Revealed
	if err != nil || json.Unmarshal([]byte(out), &half) != nil || !half.Split || len(half.Groups) != 2 {
		t.Fatalf("reveal: %v: %d groups", err, len(half.Groups))
	}
	owners, err := d.phone.read(t.Context(), halfOnPhone)
	if err != nil {
		t.Fatal(err)
	}
	if got := half.Groups[0].Text + "-" + half.Groups[1].Text + "-" + owners; got != want.Reveal() {
		t.Error("the two halves are not the answer")
	}
	if strings.Contains(out, owners) {
		t.Error("the agent got the owner's half")
	}
	ann.of("case", "close", number, "--outcome", "solved", "--password-set", "yes", "--caller-in", "yes")

	if out := d.must("recorder", id.String(), "--stolen"); !strings.Contains(out, "1 answers issued, reported stolen") {
		t.Errorf("recorder: %s", out)
	}
	if out, err := ann.try("recorder", "show", id.String()); err != nil || !strings.Contains(out, `"stolen":true`) {
		t.Errorf("recorder show: %v: %s", err, out)
	}
	if out := d.must("verify"); !strings.Contains(out, "are whole") {
		t.Errorf("verify: %s", out)
	}
	if out := d.must("figures", "--json"); !strings.Contains(out, `"answered":1`) {
		t.Errorf("figures: %s", out)
	}
	d.holdsNoSecret(want.Reveal(), owners, code)
}

// holdsNoSecret looks for secrets of a case in every file of the desk.
func (d *deskFolder) holdsNoSecret(secrets ...string) {
	d.t.Helper()
	err := filepath.WalkDir(d.dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		for i, s := range secrets {
			if strings.Contains(string(text), s) || strings.Contains(string(text), strings.NewReplacer("-", "", " ", "").Replace(s)) {
				d.t.Errorf("secret %d of %d is in %s", i+1, len(secrets), path)
			}
		}
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
}

// TestDeskPasskeyFile: what stands between a stolen passkey file and the desk, and
// that a join neither overwrites a file nor wastes the link.
func TestDeskPasskeyFile(t *testing.T) {
	t.Parallel()
	d := newDeskFolder(t)
	d.serve()
	join := func(passkey, phrase string) error {
		_, err := runDesk(t.Context(), t, "join", "--desk", d.url, "--link-file", d.file("link-ann", ""), "--passkey", passkey, "--passphrase-file", phrase)
		return err
	}
	wantRefused(t, "a short passphrase", join(d.file("passkey-ann", ""), d.file("short", "Abc-123")), rekey.ErrInput)
	wantRefused(t, "a file that is there", join(d.file("text", "mine"), d.phrase()), rekey.ErrConflict)
	ann := d.joined("ann") // the link still counts
	wantRefused(t, "the link once more", join(d.file("another", ""), d.phrase()), rekey.ErrDenied)
	_, err := runDesk(t.Context(), t, "case", "show", "1", "--desk", d.url, "--passkey", d.file("passkey-ann", ""), "--passphrase-file", d.file("guess", "eight loud chairs in a ring"))
	wantRefused(t, "another passphrase", err, rekey.ErrDenied)
	_, err = ann.try("case", "show", "1")
	wantRefused(t, "a case that is not there", err, rekey.ErrNotFound)
}

// TestDeskOverTLS: an agent's secrets go to the desk with the certificate that was
// named, and to no other.
func TestDeskOverTLS(t *testing.T) {
	t.Parallel()
	d := newDeskFolder(t)
	config, ca := mailbox.SelfSigned(t, "localhost")
	key, err := x509.MarshalPKCS8PrivateKey(config.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	trusted := d.file("ca.pem", string(ca))
	keyFile := d.file("key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
	d.serve("--cert", trusted, "--key", keyFile)
	if !strings.HasPrefix(d.url, "https://localhost:") {
		t.Fatalf("the desk is at %s", d.url)
	}
	join := func(args ...string) error {
		_, err := runDesk(t.Context(), t, append([]string{"join", "--desk", d.url, "--link-file", d.file("link-ann", ""),
			"--passkey", d.file("passkey-ann", ""), "--passphrase-file", d.phrase()}, args...)...)
		return err
	}
	wantRefused(t, "a desk that nobody vouches for", join(), rekey.ErrUnreachable)
	if err := join("--ca", trusted); err != nil {
		t.Fatal(err)
	}
	_, err = verbs{d, "ann"}.try("case", "show", "1", "--ca", trusted)
	wantRefused(t, "a case that is not there", err, rekey.ErrNotFound)
}

// TestDeskKeysAndHooks: what programs get is told once, in a file where that is named.
func TestDeskKeysAndHooks(t *testing.T) {
	t.Parallel()
	d := newDeskFolder(t)
	d.serve()
	id, _ := d.enrol()
	out := d.must("key", "add", "crm", "--scope", "recorders.read", "--key-file", d.file("key", ""), "--json")
	key, err := readSecretFile(d.file("key", ""))
	if err != nil || strings.Contains(out, key.Reveal()) {
		t.Fatalf("the key: %v", err)
	}
	ask := func() error {
		_, err := runDesk(t.Context(), t, "recorder", "show", id.String(), "--desk", d.url, "--api-key-file", d.file("key", ""))
		return err
	}
	if err := ask(); err != nil {
		t.Errorf("the key's own scope: %v", err)
	}
	_, err = runDesk(t.Context(), t, "case", "open", id.String(), "--caller", "withheld", "--desk", d.url, "--api-key-file", d.file("key", ""))
	wantRefused(t, "what is not its scope", err, rekey.ErrDenied)
	d.must("key", "revoke", "crm")
	wantRefused(t, "a key that was revoked", ask(), rekey.ErrDenied)
	if out := d.must("key", "list"); !strings.Contains(out, "revoked") || strings.Contains(out, key.Reveal()) {
		t.Errorf("key list: %s", out)
	}

	out = d.must("hook", "add", "https://hooks.example.com/rekey", "--event", "case.opened", "--json")
	var hook struct {
		ID     int64
		Secret string
	}
	if json.Unmarshal([]byte(out), &hook) != nil || hook.Secret == "" {
		t.Fatalf("hook add: %s", out)
	}
	if out := d.must("hook", "list", "--json"); !strings.Contains(out, "hooks.example.com") || strings.Contains(out, hook.Secret) {
		t.Errorf("hook list: %s", out)
	}
	d.must("hook", "remove", strconv.FormatInt(hook.ID, 10))

	d.must("dealer", "add", "smith", "--company", "Smith Alarms", "--phone", "+49 30 7654321")
	d.must("dealer", "end", "smith")
	if out := d.must("dealer", "list"); !strings.Contains(out, "Smith Alarms") || !strings.Contains(out, "ended") {
		t.Errorf("dealer list: %s", out)
	}
}
