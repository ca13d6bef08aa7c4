package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/desk/front"
	"rekey/internal/durable"
)

// deskServer is how a web front is served.
type deskServer struct {
	listen, readyFile, cert, key string
}

func (v *deskVerb) serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "serve the desk's pages and API until stopped",
		Long: `serve answers until SIGTERM or an interrupt, and carries the messages to owners meanwhile.
Agents log in to it and owners confirm who they are, so beyond loopback it speaks TLS only:
give --cert and --key. Sessions and limits go by the sender's address: a reverse proxy in front
is named by --trusted-proxies, and appends to X-Forwarded-For or overwrites it. One on this
machine may end TLS itself.

Each setting is a flag, a variable of the environment (--smtp-server is
REKEY_DESK_SMTP_SERVER), or a line of desk.toml in the desk's folder (server = "..." under
[smtp]); the first of these counts. Without smtp and sms no owner can be told anything, and
every case waits a day for its answer.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return v.serve(cmd) },
	}
	registerSettings(cmd.Flags())
	return cmd
}

// serve listens before it opens the desk, so that the desk knows its port.
func (v *deskVerb) serve(cmd *cobra.Command) error {
	config, err := v.config(cmd)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
	s := deskServer{listen: config.listen(), readyFile: config.text("ready-file"), cert: config.text("cert"), key: config.text("key")}
	o, err := config.options(log)
	if err != nil {
		return err
	}
	proxies, err := config.proxies()
	if err != nil {
		return err
	}
	listener, at, err := s.open(cmd.Context())
	if err != nil {
		return err
	}
	if o.URL, err = config.servedAt(at, proxies); err != nil {
		return errors.Join(err, listener.Close())
	}
	d, err := desk.Open(cmd.Context(), v.dir, o)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	work, ctx := errgroup.WithContext(cmd.Context())
	work.Go(func() error { return d.Run(ctx) })
	work.Go(func() error {
		return s.serve(ctx, listener, o.URL, proxies.Handler(front.Handler(d)), log, func(url string) error {
			return v.tell(cmd, "serving", map[string]string{"url": url}, "the desk is at %s", url)
		})
	})
	err = work.Wait()
	if cmd.Context().Err() != nil && errors.Is(err, context.Canceled) {
		err = nil // it was stopped, and that is how a server ends
	}
	return errors.Join(err, d.Close())
}

// run serves h until ctx ends.
func (s *deskServer) run(ctx context.Context, h http.Handler, log *slog.Logger, ready func(url string) error) error {
	listener, url, err := s.open(ctx)
	if err != nil {
		return err
	}
	return s.serve(ctx, listener, url, h, log, ready)
}

// graceful is how long calls under way may go on when the server is stopped.
const graceful = 2 * time.Second

func (s *deskServer) serve(ctx context.Context, listener net.Listener, url string, h http.Handler, log *slog.Logger, ready func(url string) error) error {
	calls, cancelCalls := context.WithCancel(context.WithoutCancel(ctx))
	defer cancelCalls()
	server := &http.Server{
		Handler:           h,
		BaseContext:       func(net.Listener) context.Context { return calls },
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	// Calls under way may end; a stream of news would not.
	server.RegisterOnShutdown(func() { time.AfterFunc(graceful, cancelCalls) })
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	err := s.tellReady(url, listener.Addr().String(), ready)
	if err == nil {
		select {
		case err = <-served:
			return fmt.Errorf("%w: serve the desk: %w", rekey.ErrStorage, err)
		case <-ctx.Done():
		}
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if stopped := server.Shutdown(stopping); stopped != nil {
		err = errors.Join(err, stopped, server.Close())
	}
	if e := <-served; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	if s.readyFile != "" {
		err = errors.Join(err, durable.Remove(s.readyFile))
	}
	return err
}

// tellReady says where it is reached, and where it listens: before a proxy these differ.
func (s *deskServer) tellReady(url, listen string, ready func(string) error) error {
	if s.readyFile != "" {
		line, err := json.Marshal(map[string]string{"url": url, "listen": listen})
		if err != nil {
			return err
		}
		if err := durable.WriteFile(s.readyFile, append(line, '\n'), 0o600); err != nil {
			return fmt.Errorf("%w: %w", rekey.ErrStorage, err)
		}
	}
	return ready(url)
}

func (s *deskServer) open(ctx context.Context) (net.Listener, string, error) {
	at, err := netip.ParseAddrPort(s.listen)
	if err != nil {
		return nil, "", fmt.Errorf("%w: --listen %q: expected IP:PORT", rekey.ErrInput, s.listen)
	}
	if (s.cert == "") != (s.key == "") {
		return nil, "", fmt.Errorf("%w: --cert and --key belong together", rekey.ErrInput)
	}
	if s.cert == "" && !at.Addr().IsLoopback() {
		return nil, "", fmt.Errorf("%w: --listen %s is beyond loopback; secrets must not cross a network in clear: give --cert and --key", rekey.ErrInput, s.listen)
	}
	var config *tls.Config
	if s.cert != "" {
		pair, err := tls.LoadX509KeyPair(s.cert, s.key)
		if err != nil {
			return nil, "", fmt.Errorf("%w: %w", rekey.ErrInput, err)
		}
		config = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"}}
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.listen)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", rekey.ErrInput, err)
	}
	if config == nil {
		return listener, "http://" + listener.Addr().String(), nil
	}
	return tls.NewListener(listener, config), "https://" + listener.Addr().String(), nil
}
