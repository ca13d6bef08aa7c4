package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"rekey"
)

// Bad input of the cloud's verbs costs nothing: no folder, no call.
func TestCloudVerbsRefuse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	none, password := filepath.Join(dir, "none"), filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte("first-Pass-1"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		want error
	}{
		"no mail server":      {[]string{"cloud", "--dir", none, "--smtp", "nowhere", "--mail-from", "a@example.net"}, rekey.ErrInput},
		"no sender":           {[]string{"cloud", "--dir", none, "--smtp", "127.0.0.1:25", "--mail-from", "a@example.net\r\nBcc: b@example.net"}, rekey.ErrInput},
		"no mail password":    {[]string{"cloud", "--dir", none, "--smtp", "127.0.0.1:25", "--mail-from", "a@example.net", "--smtp-password-file", none}, rekey.ErrInput},
		"in clear on the LAN": {[]string{"cloud", "--dir", filepath.Join(dir, "cloud"), "--smtp", "127.0.0.1:25", "--mail-from", "a@example.net", "--listen", "192.0.2.1:80"}, rekey.ErrInput},
		"link with no CA":     {[]string{"link", "--dir", none, "--cloud", "https://cloud.example", "--password-file", password, "--ca", password}, rekey.ErrInput},
		"own address":         {[]string{"cloud", "--dir", none, "--smtp", "127.0.0.1:25", "--mail-from", "a@example.net", "--url", "http://cloud.example.net"}, rekey.ErrInput},
		"mail server's CA":    {[]string{"cloud", "--dir", none, "--smtp", "127.0.0.1:25", "--mail-from", "a@example.net", "--smtp-ca", none}, rekey.ErrInput},
		"link nothing":        {[]string{"link", "--dir", none, "--cloud", "https://cloud.example", "--password-file", password}, rekey.ErrNotFound},
		"unlink nothing":      {[]string{"unlink", "--dir", none, "--password-file", password}, rekey.ErrNotFound},
	} {
		if _, err := recorderRun(t, c.args...); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	if _, err := os.Stat(none); err == nil {
		t.Error("a refused verb made a folder")
	}
}
