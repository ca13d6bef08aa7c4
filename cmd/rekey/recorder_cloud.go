package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"rekey"
	"rekey/internal/mail"
	"rekey/internal/recorder"
	"rekey/internal/recorder/appliance"
	"rekey/internal/recorder/cloud"
)

// cloudServer is how a cloud is served.
type cloudServer struct {
	http         deskServer
	mail         mail.SMTP
	passwordFile string
	url          string
	mailCA       string
}

func (v *recorderVerb) cloudCommand() *cobra.Command {
	var s cloudServer
	cmd := &cobra.Command{
		Use:   "cloud",
		Short: "serve a cloud that recorders can be linked with, for their owners",
		Long: `cloud runs a small service in its own folder (--dir) until SIGTERM or an interrupt.
Owners make an account by e-mail, link their recorders by a pairing code, and get a
temporary password by e-mail when the recorder's own is lost.

Beyond loopback it speaks TLS only (--cert, --key), to browsers as to recorders, and to
the mail server as well.

  rekey recorder cloud --dir cloud --url https://cloud.example.net \
        --smtp mail.example.net:587 --mail-from recorders@example.net
  rekey recorder link  --dir box   --cloud https://cloud.example.net`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return v.serveCloud(cmd, &s) },
	}
	f := cmd.Flags()
	f.StringVar(&s.http.listen, "listen", "127.0.0.1:0", "address to serve at; port 0 = any free one")
	f.StringVar(&s.http.readyFile, "ready-file", "", "write {\"url\": ...} to this file once the cloud answers")
	f.StringVar(&s.http.cert, "cert", "", "file with the TLS certificate and its chain (PEM)")
	f.StringVar(&s.http.key, "key", "", "file with the TLS key (PEM)")
	f.StringVar(&s.url, "url", "", "address of the cloud as its owners reach it, https://HOST, for the links in messages (default: they hold none)")
	f.StringVar(&s.mailCA, "smtp-ca", "", "file with the certificates (PEM) that the mail server's must lead to (default: the system's)")
	f.BoolVar(&s.mail.TLS, "smtp-tls", false, "speak TLS to the mail server from the start, as at port 465; otherwise STARTTLS")
	f.StringVar(&s.mail.Server, "smtp", "", "mail server, HOST:PORT (required)")
	f.StringVar(&s.mail.From, "mail-from", "", "address of the sender of messages (required)")
	f.StringVar(&s.mail.User, "smtp-user", "", "user at the mail server")
	f.StringVar(&s.passwordFile, "smtp-password-file", "", "file with that user's password")
	_ = cmd.MarkFlagRequired("smtp")      // the flag is there
	_ = cmd.MarkFlagRequired("mail-from") // the flag is there
	return cmd
}

func (v *recorderVerb) serveCloud(cmd *cobra.Command, s *cloudServer) (err error) {
	if err := s.mail.Check(); err != nil {
		return err
	}
	if s.passwordFile != "" {
		if s.mail.Password, err = readSecretFile(s.passwordFile); err != nil {
			return err
		}
	}
	if s.mail.CA, err = readCA(s.mailCA); err != nil {
		return err
	}
	if s.url != "" {
		if err := cloud.CheckURL(s.url); err != nil {
			return err
		}
	}
	log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	c, err := cloud.Open(cmd.Context(), v.dir, cloud.Options{Mail: s.mail, URL: s.url, Log: log})
	if err != nil {
		return err
	}
	return errors.Join(s.http.run(cmd.Context(), c.Handler(), log, func(url string) error {
		return v.tell(cmd, "serving", map[string]string{"url": url}, "the cloud is at %s", url)
	}), c.Close())
}

// readCA reads a file of certificates; "" = none is named. What is in it is
// looked at where it is used.
func readCA(name string) ([]byte, error) {
	if name == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("%w: file of the certificate authority: %w", rekey.ErrInput, err)
	}
	if !x509.NewCertPool().AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%w: file %s holds no certificate (PEM)", rekey.ErrInput, name)
	}
	return pem, nil
}

// adminFlags are who links and unlinks.
type adminFlags struct{ login, passwordFile string }

func (a *adminFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.login, "login", "admin", "admin of the recorder")
	cmd.Flags().StringVar(&a.passwordFile, "password-file", "", "file with the admin's password (default: asked at the terminal)")
}

func (a *adminFlags) password() (rekey.Secret, error) {
	return secretFrom(a.passwordFile, "Password of "+a.login+" at the recorder")
}

func (v *recorderVerb) linkCommand() *cobra.Command {
	var url, ca string
	var admin adminFlags
	cmd := &cobra.Command{
		Use:   "link",
		Short: "link a running recorder with a cloud: shows the pairing code for its owner",
		Long: `link switches the cloud link on, which is off otherwise. It asks for the password of an
admin, since the owner at the cloud can get temporary passwords from then on. The owner
types the code at the cloud within 10 minutes; it counts once.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			at := recorder.CloudAddress{URL: url}
			var err error
			if at.CA, err = readCA(ca); err != nil {
				return err
			}
			password, err := admin.password()
			if err != nil {
				return err
			}
			code, err := appliance.Link(cmd.Context(), v.dir, at, admin.login, password)
			if err != nil {
				return err
			}
			return v.tell(cmd, "pairing", map[string]string{"code": code.Reveal(), "cloud": url},
				"pairing code: %s\nlog in at %s, and type it at My recorders > Add a recorder, within 10 minutes", code.Reveal(), url)
		},
	}
	cmd.Flags().StringVar(&url, "cloud", "", "address of the cloud, https://HOST (required)")
	cmd.Flags().StringVar(&ca, "ca", "", "file with the certificates (PEM) that the cloud's must lead to, for a cloud of your own (default: the system's)")
	_ = cmd.MarkFlagRequired("cloud") // the flag is there
	admin.register(cmd)
	return cmd
}

func (v *recorderVerb) unlinkCommand() *cobra.Command {
	var admin adminFlags
	cmd := &cobra.Command{
		Use:   "unlink",
		Short: "end the cloud link of a running recorder",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			password, err := admin.password()
			if err != nil {
				return err
			}
			if err := appliance.Unlink(cmd.Context(), v.dir, admin.login, password); err != nil {
				return err
			}
			return v.tell(cmd, "unlinked", map[string]string{"dir": v.dir}, "the recorder has forgotten its cloud link")
		},
	}
	admin.register(cmd)
	return cmd
}
