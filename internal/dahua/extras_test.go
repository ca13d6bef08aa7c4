package dahua

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"rekey"
)

// What RPC2 does alone costs no login at the CGI, which may refuse it: the file of
// the settings is left out, and a recording that is not there is not asked for twice.
func TestExtrasCostNoLogin(t *testing.T) {
	t.Parallel()
	tb := &tables{read: map[string]string{"General": `{"LockLoginEnable":true}`}}
	p := &peer{broken: true, rpc: tb.rpc(), file: func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/there.dav") {
			_, _ = w.Write([]byte("DHAV"))
			return
		}
		http.NotFound(w, r)
	}}
	s, b := opened(t, p, true)
	settings, err := s.Settings(t.Context())
	if err != nil || len(settings) != 1 {
		t.Errorf("%d settings: %v", len(settings), err)
	}
	content, err := s.OpenRecording(t.Context(), rekey.Recording{Path: "/mnt/there.dav"})
	if err != nil {
		t.Fatal(err)
	}
	if err := content.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.OpenRecording(t.Context(), rekey.Recording{Path: "/mnt/gone.dav"}); !errors.Is(err, rekey.ErrNotFound) {
		t.Error(err)
	}
	if _, signed := p.spent(); signed != 0 || b.spent != 1 || b.given != 1 {
		t.Errorf("%d signed, %+v", signed, b)
	}
}

// By CGI the file comes along.
func TestSettingsFileByCGI(t *testing.T) {
	t.Parallel()
	p := &peer{noRPC: true, cgi: map[string]func(*http.Request) (int, string){"getConfig": body("table.UPnP.Enable=true\r\n"), "All": body("the file")}}
	s, b := opened(t, p, true)
	settings, err := s.Settings(t.Context())
	if err != nil || len(settings) == 0 || settings[len(settings)-1].Name != "Config.backup" || string(settings[len(settings)-1].Data) != "the file" || b.spent != 1 {
		t.Errorf("%d settings, %+v: %v", len(settings), b, err)
	}
}
