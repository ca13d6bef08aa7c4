package lan

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// lockedBuffer is a log that many goroutines write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Whatever is asked, well or badly, no password and no digest reaches the log
// or the security log.
func TestNoSecretsInLogs(t *testing.T) {
	t.Parallel()
	other := *newRig(t, adminPassword) // the same box with doors of its own, whose log is read
	g := &other
	var log lockedBuffer
	g.l = Listeners{HTTP: listen(t), HTTPS: listen(t), RTSP: listen(t), Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, g.box, g.clips, g.l) }()

	secrets := []string{adminPassword, "Next-Passw0rd", "Wrong-Passw0rd"}
	change := "/cgi-bin/userManager.cgi?action=modifyPassword&name=admin&pwd=Next-Passw0rd&pwdOld="
	g.cgi(admin(), g.url(""), change+adminPassword)
	g.cgi(admin(), g.urls(""), change+"Wrong-Passw0rd")
	g.cgi(admin(), g.urls(""), change+adminPassword)
	next := login{"admin", "Next-Passw0rd"}
	g.cgi(next, g.urls(""), "/cgi-bin/recovery.cgi?action=answer&pwd=Next-Passw0rd")
	g.fetch("GET", g.url("/challenge?pwd=Next-Passw0rd"), "", "")
	s := g.rpcLogin(next)
	secrets = append(secrets, s)
	g.rpc(s, "userManager.modifyPassword", `{"name":"admin","pwd":"Next-Passw0rd","pwdOld":"Wrong-Passw0rd"}`)
	g.rpc(s, "Recovery.submitAnswer", `{"answer":"Next-Passw0rd"}`)
	g.dialRTSP().describe(next)
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "challenge over the LAN") {
		t.Error("nothing was logged: the test proves nothing")
	}
	var records []byte
	names, err := filepath.Glob(filepath.Join(g.box.Dir(), "log", "*"))
	must(t, err)
	for _, name := range names {
		b, err := os.ReadFile(name)
		must(t, err)
		records = append(records, b...)
	}
	if !strings.Contains(string(records), "password.set") {
		t.Error("the security log was not read: the test proves nothing")
	}
	for i, secret := range secrets {
		if strings.Contains(log.String(), secret) {
			t.Errorf("secret %d is in the log", i)
		}
		if strings.Contains(string(records), secret) {
			t.Errorf("secret %d is in the security log", i)
		}
	}
}
