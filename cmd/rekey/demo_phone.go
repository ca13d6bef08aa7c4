package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"sync"
	"time"

	"rekey"
	"rekey/internal/desk/courier"
)

// demoPhone is the owner's telephone: the webhook of a provider of text
// messages, and the page on which the owner reads them. They are kept nowhere else.
type demoPhone struct {
	url      string
	key      rekey.Secret // the desk's at the provider
	page     rekey.Secret // the path of the page, which nobody else is to guess
	server   *http.Server
	served   chan error
	mu       sync.Mutex
	messages []phoneMessage
	came     chan struct{} // closed at the next message
}

type phoneMessage struct {
	At   time.Time
	To   string `json:"to"`
	Text string `json:"text"`
}

func openDemoPhone(ctx context.Context) (*demoPhone, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &demoPhone{
		url: "http://" + l.Addr().String(), key: rekey.NewSecret(rand.Text()), page: rekey.NewSecret("/" + rand.Text()),
		served: make(chan error, 1), came: make(chan struct{}),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /sms", p.take)
	mux.HandleFunc("GET "+p.page.Reveal(), p.show)
	p.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { p.served <- p.server.Serve(l) }()
	return p, nil
}

func (p *demoPhone) close() error {
	err := p.server.Close()
	if e := <-p.served; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}

// carrier is how the desk reaches the telephone.
func (p *demoPhone) carrier() courier.SMS { return courier.SMS{URL: p.url + "/sms", Key: p.key} }

func (p *demoPhone) take(w http.ResponseWriter, r *http.Request) {
	m := phoneMessage{At: time.Now()}
	if !rekey.NewSecret(r.Header.Get("Authorization")).Equal(rekey.NewSecret("Bearer " + p.key.Reveal())) {
		http.Error(w, "not the desk", http.StatusForbidden)
		return
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<16)).Decode(&m); err != nil {
		http.Error(w, "not a text message", http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.messages = append(p.messages, m)
	close(p.came)
	p.came = make(chan struct{})
	w.WriteHeader(http.StatusNoContent)
}

// read waits for the newest message that has text of the form, and returns that text.
func (p *demoPhone) read(ctx context.Context, form *regexp.Regexp) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		p.mu.Lock()
		came, all := p.came, p.messages
		p.mu.Unlock()
		for _, m := range slices.Backward(all) {
			if found := form.FindStringSubmatch(m.Text); found != nil {
				return found[1], nil
			}
		}
		select {
		case <-came:
		case <-ctx.Done():
			return "", fmt.Errorf("%w: the message does not come to the owner's telephone: %w", rekey.ErrUnreachable, ctx.Err())
		}
	}
}

var phonePage = template.Must(template.New("phone").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="3">
<title>The owner's telephone</title></head><body><h1>The owner's telephone</h1>
{{range .}}<h2>{{.At.Format "15:04:05"}}, to {{.To}}</h2><pre style="white-space: pre-wrap">{{.Text}}</pre>{{else}}<p>No message yet.</p>{{end}}
</body></html>`))

// show is what the owner sees: the newest message first.
func (p *demoPhone) show(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	all := slices.Clone(p.messages)
	p.mu.Unlock()
	slices.Reverse(all)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	_ = phonePage.Execute(w, all) // a browser that went away does not matter
}
