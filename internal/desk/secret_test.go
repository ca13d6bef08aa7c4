package desk_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"rekey"
	"rekey/internal/desk"
	"rekey/recovery"
)

// lines is a writer for a log that several goroutines write.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// TestNoSecretIsStored runs a whole call, with mail that fails and the owner at
// their page, and then looks for each secret in every file of the desk, in its
// log, and in all that the agent was told. Groups 3 and 4 never leave the desk
// but in the owner's message.
func TestNoSecretIsStored(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	var log lines
	p.reopen(func(o *desk.Options) {
		o.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	b := p.enrol(ownerOfAll())
	phrases := desk.Phrases{Support: rekey.NewSecret("violet tram over the marsh"), Duress: rekey.NewSecret("violet tram in the marsh")}
	if err := p.desk.SetPhrases(t.Context(), desk.Operator(), b.id, phrases, desk.StepUp{}); err != nil {
		t.Fatal(err)
	}
	const number = "+49 171 5550123456" // as long as one can be: the end of a short one stands by chance in what is hex
	c := p.ready(b, number)
	if _, err := p.desk.AddEvidence(t.Context(), ann(), c.Number, desk.Given{Kind: desk.EvidencePhrase, Phrase: phrases.Support}); err != nil {
		t.Fatal(err)
	}
	ch := b.challenge(t, recovery.PurposePassword)
	groups := strings.Split(b.answer(t, "admin", ch), "-")
	half := groups[2] + "-" + groups[3]
	out, err := p.reveal(ann(), c.Number, ch.String())
	if err != nil {
		t.Fatal(err)
	}
	p.sms.SetDown(true) // what waits lies in the outbox
	p.flush()
	told, err := json.Marshal([]any{out, p.seen(ann(), c.Number), p.seen(sue(), c.Number)})
	if err != nil {
		t.Fatal(err)
	}
	// The caller's name is drawn when the case is opened: any four letters may stand in it.
	told = bytes.ReplaceAll(told, []byte(c.Caller), nil)
	for _, group := range groups[2:] {
		if bytes.Contains(told, []byte(group)) {
			t.Error("the agent was told the owner's half")
		}
	}
	secrets := map[string]string{
		"K_dev":                 string(b.kDev),
		"K_dev in hex":          hex.EncodeToString(b.kDev),
		"K_dev in base64":       base64.StdEncoding.EncodeToString(b.kDev),
		"the answer":            strings.Join(groups, "-"),
		"the answer's data":     strings.Join(groups, ""),
		"the agent's half":      groups[0] + "-" + groups[1],
		"the owner's half":      half,
		"the half without dash": groups[2] + groups[3],
		"the half in hex":       hex.EncodeToString([]byte(half)),
		"the half in base64":    base64.StdEncoding.EncodeToString([]byte(half)),
		"the challenge":         ch.String(),
		"the challenge's data":  ch.Data(),
		"the caller":            strings.ReplaceAll(number, " ", ""),
		"the caller's end":      "5550123456",
		"the support phrase":    phrases.Support.Reveal(),
		"the duress word":       phrases.Duress.Reveal(),
		"the number":            codeIn(p.mail.Of("code")[0].Text),
	}
	secrets["the number in one"] = strings.ReplaceAll(secrets["the number"], " ", "")
	links := 0
	for _, m := range append(p.mail.Of(""), p.sms.Of("")...) {
		token := p.token(m).Reveal()
		links++
		secrets["the link of a message "+m.Kind+" to "+m.To] = token
	}
	if links < 5 {
		t.Errorf("%d links", links)
	}
	wantNowhere(t, p.dir, log.b.String(), secrets)
	halfSeen, err := p.desk.OwnerHalf(t.Context(), p.token(p.mail.Of("half")[0]))
	if err != nil || strings.Join(texts(halfSeen), "-") != half {
		t.Fatalf("the owner does not get their half: %v", err)
	}
	wantNowhere(t, p.dir, log.b.String(), secrets)
}

func wantNowhere(t *testing.T, dir, log string, secrets map[string]string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		files++
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		data = bytes.ToLower(data)
		for what, secret := range secrets {
			if bytes.Contains(data, []byte(strings.ToLower(secret))) {
				t.Errorf("%s is in %s", what, name)
			}
		}
		return nil
	})
	if err != nil || files < 8 {
		t.Fatalf("%d files: %v", files, err)
	}
	for what, secret := range secrets {
		if strings.Contains(log, secret) {
			t.Errorf("%s is in the log", what)
		}
	}
}

// TestFilesOfTheDesk: key files that others could read are refused, and
// public is what must be.
func TestFilesOfTheDesk(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for name, mode := range map[string]fs.FileMode{"kek": 0o600, "enrol.key": 0o600, "desk.db": 0o600, "desk.pub": 0o644} {
		info, err := os.Stat(filepath.Join(p.dir, name))
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v %v, want %v", name, info.Mode(), err, mode)
		}
	}
	if err := os.Chmod(filepath.Join(p.dir, "kek"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := desk.Open(t.Context(), p.dir, p.options())
	wantKind(t, err, rekey.ErrStorage)
	_, err = desk.Init(t.Context(), p.dir, "root", p.options())
	wantKind(t, err, rekey.ErrConflict)
	_, err = desk.Open(t.Context(), t.TempDir(), p.options())
	wantKind(t, err, rekey.ErrNotFound)
}
