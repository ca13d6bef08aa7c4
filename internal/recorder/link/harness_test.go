package link

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rekey"
	"rekey/internal/argon"
	"rekey/internal/mail"
	"rekey/internal/recorder"
	"rekey/internal/recorder/cloud"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	ownerAddress  = "petra@example.org"
	ownerPassword = "four words that she likes"
)

// letters is the owner's mailbox.
type letters struct {
	mu  sync.Mutex
	all []string
}

func (l *letters) Send(_ context.Context, _ string, m mail.Message) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, m.Text)
	return nil
}

func (l *letters) code() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return regexp.MustCompile(`\b[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}\b`).FindString(l.all[len(l.all)-1])
}

// tells waits until a letter says so.
func (l *letters) tells(t *testing.T, says string) {
	t.Helper()
	soon(t, "a letter says "+says, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, text := range l.all {
			if strings.Contains(strings.Join(strings.Fields(text), " "), says) {
				return true
			}
		}
		return false
	})
}

// soon waits until something is so.
func soon(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// place is the real cloud behind a way that the test can block or bend.
type place struct {
	t     *testing.T
	dir   string
	mail  letters
	way   atomic.Pointer[http.HandlerFunc] // what meets the recorder's calls; nil = the cloud
	calls atomic.Int64
	http  *httptest.Server
	cloud *cloud.Cloud
	owner cloud.Owner
	stop  func()
	front atomic.Pointer[http.Handler]
}

func newPlace(t *testing.T, config *tls.Config) *place {
	t.Helper()
	p := &place{t: t, dir: t.TempDir()}
	p.http = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.calls.Add(1)
		if way := p.way.Load(); way != nil {
			(*way)(w, r)
			return
		}
		(*p.front.Load()).ServeHTTP(w, r)
	}))
	p.http.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // of wrong certificates
	if p.http.TLS = config; config != nil {
		p.http.StartTLS()
	} else {
		p.http.Start()
	}
	p.open()
	t.Cleanup(func() {
		p.stop()
		p.http.Close()
	})
	ctx, from := t.Context(), netip.MustParseAddr("192.0.2.7")
	id, err := p.cloud.AskForAccount(ctx, ownerAddress, rekey.NewSecret(ownerPassword), from)
	if err != nil {
		t.Fatal(err)
	}
	if p.owner, err = p.cloud.Confirm(ctx, id, p.mail.code()); err != nil {
		t.Fatal(err)
	}
	return p
}

// open starts the cloud; stop ends it, as a shutdown does.
func (p *place) open() {
	p.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c, err := cloud.Open(ctx, p.dir, cloud.Options{Mail: &p.mail, Argon: argon.Cheap()})
	if err != nil {
		p.t.Fatal(err)
	}
	h := c.Handler()
	p.cloud = c
	p.front.Store(&h)
	p.stop = sync.OnceFunc(func() {
		cancel()
		down := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
		p.front.Store(&down)
		if err := c.Close(); err != nil {
			p.t.Error(err)
		}
	})
}

// bend puts something on the way to the cloud.
func (p *place) bend(way http.HandlerFunc) { p.way.Store(&way) }

func (p *place) straight() { p.way.Store(nil) }

// box is a recorder whose link is kept.
type box struct {
	*recorder.Box
	t      *testing.T
	client *Client
	rest   func() // ends the client's run
	stop   func()
	clock  atomic.Int64
}

func newBox(t *testing.T) *box {
	t.Helper()
	dir, cheap := t.TempDir(), argon.Cheap()
	if _, err := recorder.Init(dir, recorder.Config{AdminPassword: atBox.Password, Argon: &cheap}); err != nil {
		t.Fatal(err)
	}
	b := &box{t: t}
	var err error
	b.Box, err = recorder.Open(dir, recorder.Options{Argon: &cheap, Clock: func() time.Duration { return time.Duration(b.clock.Load()) }})
	if err != nil {
		t.Fatal(err)
	}
	b.client = New(b.Box, slog.New(slog.DiscardHandler))
	b.client.pause, b.client.most = 10*time.Millisecond, 50*time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	var runs sync.WaitGroup
	runs.Go(func() { _ = b.client.Run(ctx) })
	b.rest = func() {
		cancel()
		runs.Wait()
	}
	b.stop = sync.OnceFunc(func() {
		b.rest()
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(b.stop)
	return b
}

// atBox is what the box's admin types once more.
var atBox = recorder.StepUp{Password: rekey.NewSecret("first-Pass-1")}

// link pairs the box with the cloud and gives the link's id there.
func (p *place) link(b *box, ca []byte) string {
	p.t.Helper()
	code, err := b.client.PairAt(p.t.Context(), recorder.AdminAccount, recorder.CloudAddress{URL: p.http.URL, CA: ca}, atBox, recorder.AtSeat())
	if err != nil {
		p.t.Fatal(err)
	}
	l, err := p.cloud.Pair(p.t.Context(), p.owner, code.Reveal())
	if err != nil {
		p.t.Fatal(err)
	}
	b.until("linked", true)
	return l.ID
}

func (b *box) linked() bool {
	b.t.Helper()
	l, is, err := b.CloudLink()
	if err != nil {
		b.t.Fatal(err)
	}
	return is && l.Linked
}

func (b *box) until(what string, linked bool) {
	b.t.Helper()
	soon(b.t, "the box is "+what, func() bool { return b.linked() == linked })
}

// selfSigned is a certificate for 127.0.0.1 that is its own authority.
func selfSigned(t *testing.T) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})
}
