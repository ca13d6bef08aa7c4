package lan

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"

	"rekey"
	"rekey/internal/recorder"
)

const (
	maxRTSPConnections = 32
	rtspReadTimeout    = 10 * time.Second
	rtspWriteTimeout   = 10 * time.Second
)

// rtspDoor answers RTSP: live pictures at /cam/realmonitor and footage at
// /cam/playback, over TCP only. Every DESCRIBE, SETUP and PLAY carries a digest
// without qop; the nonce is the connection's own.
type rtspDoor struct {
	*lan
	server *gortsplib.Server
	about  *gortsplib.ServerStream // describes every stream: they are alike
	ready  chan struct{}           // closed once about is there
	open   atomic.Int64
	work   sync.WaitGroup
}

// rtspPeer is one connection and who has logged in on it.
type rtspPeer struct {
	nonce   string
	from    recorder.Client
	account string
	epoch   uint64
	closed  func()
	starts  *viewer // to be started once PLAY has been dealt with
}

func (l *lan) serveRTSP(ctx context.Context, listener net.Listener) error {
	door := &rtspDoor{lan: l, ready: make(chan struct{})}
	door.server = &gortsplib.Server{
		Handler:      door,
		RTSPAddress:  listener.Addr().String(),
		Listen:       func(string, string) (net.Listener, error) { return listener, nil },
		ReadTimeout:  rtspReadTimeout,
		WriteTimeout: rtspWriteTimeout,
	}
	if err := door.server.Start(); err != nil {
		return fmt.Errorf("start RTSP: %w", err)
	}
	door.about = &gortsplib.ServerStream{Server: door.server, Desc: newDescription()}
	err := door.about.Initialize()
	close(door.ready)
	if err != nil {
		door.server.Close()
		return fmt.Errorf("start RTSP: %w", err)
	}
	stop := context.AfterFunc(ctx, door.server.Close)
	defer stop()
	err = door.server.Wait()
	door.about.Close()
	door.work.Wait()
	if ctx.Err() == nil {
		return fmt.Errorf("serve RTSP: %w", err)
	}
	return nil
}

// OnConnOpen gives the connection its nonce.
func (f *rtspDoor) OnConnOpen(ctx *gortsplib.ServerHandlerOnConnOpenCtx) {
	<-f.ready
	if f.open.Add(1) > maxRTSPConnections {
		ctx.Conn.Close()
	}
	address := ctx.Conn.NetConn().RemoteAddr().String()
	if host, _, err := net.SplitHostPort(address); err == nil {
		address = host
	}
	ctx.Conn.SetUserData(&rtspPeer{
		nonce: newID(), from: recorder.Client{Via: rekey.InterfaceRTSP, Address: address, Type: "RTSP"}, closed: func() {},
	})
}

// OnConnClose takes who was logged in off the list of active users.
func (f *rtspDoor) OnConnClose(ctx *gortsplib.ServerHandlerOnConnCloseCtx) {
	f.open.Add(-1)
	if peer, ok := ctx.Conn.UserData().(*rtspPeer); ok {
		peer.closed()
	}
}

// login lets in who proves to know the password of an account; else it gives
// the refusal to send. As on CGI, what is unsigned or signed for something else
// is refused before it costs a try.
func (f *rtspDoor) login(conn *gortsplib.ServerConn, req *base.Request) (*rtspPeer, *base.Response) {
	peer, ok := conn.UserData().(*rtspPeer)
	switch {
	case !ok || !f.initialised():
		return nil, &base.Response{StatusCode: base.StatusUnauthorized}
	case f.trouble.is(BannedAddress):
		return nil, &base.Response{StatusCode: base.StatusForbidden}
	case f.trouble.is(ConnectionLimit):
		return nil, &base.Response{StatusCode: base.StatusServiceUnavailable}
	}
	header := req.Header["Authorization"]
	if len(header) != 1 {
		return nil, f.challengeRTSP(peer)
	}
	c, err := parseDigest(header[0])
	if err != nil || !c.uses(rtspScheme) || c.realm != f.box.Realm() || c.nonce != peer.nonce || !uriFits(c.uri, req.URL) {
		return nil, f.challengeRTSP(peer)
	}
	if err := f.holdRTSP(peer, c, string(req.Method)); err != nil {
		return nil, f.refuseRTSP(peer, err)
	}
	return peer, nil
}

func (f *rtspDoor) holdRTSP(peer *rtspPeer, c credentials, method string) error {
	proof := func(ha1 string) bool { return c.proves(rtspScheme, ha1, method) }
	if peer.account == c.username {
		epoch, err := f.box.ProveAgain(c.username, peer.from, proof)
		if err == nil {
			peer.epoch = epoch
		}
		return err
	}
	epoch, err := f.box.Prove(c.username, peer.from, proof)
	if err != nil {
		return err
	}
	peer.closed()
	_, peer.closed = f.box.SessionOpened(c.username, peer.from)
	peer.account, peer.epoch = c.username, epoch
	return nil
}

func (f *rtspDoor) refuseRTSP(peer *rtspPeer, err error) *base.Response {
	var login *rekey.LoginError
	switch {
	case !errors.As(err, &login):
		f.log.Error("hold a login against the box", "error", err)
		return &base.Response{StatusCode: base.StatusInternalServerError}
	case errors.Is(login.Kind, rekey.ErrLocked):
		return &base.Response{StatusCode: base.StatusForbidden}
	}
	return f.challengeRTSP(peer)
}

func (f *rtspDoor) challengeRTSP(peer *rtspPeer) *base.Response {
	return &base.Response{StatusCode: base.StatusUnauthorized, Header: base.Header{
		"WWW-Authenticate": base.HeaderValue{fmt.Sprintf(`Digest realm="%s", nonce="%s"`, f.box.Realm(), peer.nonce)},
	}}
}

// uriFits tells whether a digest was made for this request. Clients sign the
// whole URL or its path, and in SETUP and PLAY the URL of the stream as well as
// that of the track.
func uriFits(uri string, u *base.URL) bool {
	if u == nil {
		return false
	}
	want := streamURI(u.CloneWithoutCredentials().String())
	if strings.HasPrefix(uri, "/") {
		want = streamURI(u.RequestURI())
	}
	return streamURI(uri) == want
}

func streamURI(uri string) string {
	if i := strings.LastIndex(uri, "/trackID="); i >= 0 {
		uri = uri[:i]
	}
	return strings.TrimSuffix(uri, "/")
}
