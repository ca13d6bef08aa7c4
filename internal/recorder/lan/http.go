package lan

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"rekey/internal/recorder"
)

// Limits on what a client may take.
const (
	maxBody        = 1 << 20
	maxHeader      = 16 << 10
	maxConnections = 128
	headerTimeout  = 10 * time.Second
	bodyTimeout    = 30 * time.Second
	answerTimeout  = 60 * time.Second
	idleTimeout    = 60 * time.Second
	shutdownGrace  = 2 * time.Second
)

func (l *lan) serveHTTP(ctx context.Context, listener net.Listener) error {
	var open atomic.Int64
	server := &http.Server{
		Handler:           l.handler(),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       bodyTimeout,
		WriteTimeout:      answerTimeout, // downloads set their own
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(l.log.Handler(), slog.LevelDebug),
		ConnState: func(c net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				if open.Add(1) > maxConnections {
					_ = c.Close()
				}
			case http.StateClosed, http.StateHijacked:
				open.Add(-1)
			case http.StateActive, http.StateIdle:
			}
		},
	}
	down := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(down)
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
		defer cancel()
		if server.Shutdown(grace) != nil {
			_ = server.Close()
		}
	})
	err := server.Serve(listener)
	if !stop() {
		<-down
		return nil
	}
	return fmt.Errorf("serve HTTP: %w", err)
}

func (l *lan) serveHTTPS(ctx context.Context, listener net.Listener) error {
	return l.serveHTTP(ctx, tls.NewListener(listener, &tls.Config{
		Certificates: []tls.Certificate{l.box.Certificate()},
		MinVersion:   tls.VersionTLS12,
	}))
}

// handler sends each request to its interface. It looks at plain prefixes and
// not at a mux, because footage is asked for with doubled slashes that a mux
// would clean away.
func (l *lan) handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		path := r.URL.Path
		rpc := l.traits.RPC2
		switch {
		case l.redirected(w, r):
		case path == ONVIFPath && l.traits.ONVIF != recorder.ONVIFNone:
			l.serveONVIF(w, r)
		case path == "/RPC2_Login" && rpc.Offered:
			l.serveRPC(w, r, rpcLogin)
		case path == "/RPC2" && rpc.Offered:
			l.serveRPC(w, r, rpcSession)
		case path == "/OutsideCmd" && rpc.Envelope:
			l.serveRPC(w, r, rpcOutside)
		case strings.HasPrefix(path, filePrefix) && rpc.Offered:
			l.serveSessionFile(w, r)
		case strings.HasPrefix(path, cgiPrefix):
			l.serveCGI(w, r)
		default:
			l.front(w, r)
		}
	})
}
