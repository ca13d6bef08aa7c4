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

	"rekey"
	"rekey/internal/desk"
	"rekey/internal/durable"
)

// deskServer is how a desk is served.
type deskServer struct {
	listen, readyFile, cert, key string
}

func (v *deskVerb) serveCommand() *cobra.Command {
	var s deskServer
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "serve the desk's pages and API until stopped",
		Long: `serve answers until SIGTERM or an interrupt. Agents send their passwords to it, so
beyond loopback it speaks TLS only: give --cert and --key. It slows down failed log-ins by
the sender's address, so let agents reach it directly and not through a proxy.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
			d, err := desk.Open(cmd.Context(), v.dir, desk.Options{Log: log})
			if err != nil {
				return err
			}
			return errors.Join(s.run(cmd.Context(), d.Handler(), log, func(url string) error {
				return v.tell(cmd, "serving", map[string]string{"url": url}, "the desk is at %s", url)
			}), d.Close())
		},
	}
	f := cmd.Flags()
	f.StringVar(&s.listen, "listen", "127.0.0.1:0", "address to serve at; port 0 = any free one")
	f.StringVar(&s.readyFile, "ready-file", "", "write {\"url\": ...} to this file once the desk answers")
	f.StringVar(&s.cert, "cert", "", "file with the TLS certificate and its chain (PEM)")
	f.StringVar(&s.key, "key", "", "file with the TLS key (PEM)")
	return cmd
}

func (s *deskServer) run(ctx context.Context, h http.Handler, log *slog.Logger, ready func(url string) error) error {
	listener, url, err := s.open(ctx)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	err = s.tellReady(url, ready)
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

func (s *deskServer) tellReady(url string, ready func(string) error) error {
	if s.readyFile != "" {
		line, err := json.Marshal(map[string]string{"url": url})
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
		return nil, "", fmt.Errorf("%w: --listen %s is beyond loopback; passwords must not cross a network in clear: give --cert and --key", rekey.ErrInput, s.listen)
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
