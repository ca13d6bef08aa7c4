package page

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"rekey/internal/recorder"
)

// TestOnlyWhatIsThereIsTaken: nobody writes into the log that recordings were
// taken which the recorder does not have, or which were only looked for.
func TestOnlyWhatIsThereIsTaken(t *testing.T) {
	t.Parallel()
	n := owned(t)
	p := n.admin(t)
	p.get("/recordings/download?name="+url.QueryEscape("the bank, last night")).want(404, "not_found")
	p.get("/recordings?camera=1").want(200, "recordings")
	one := read[RecordingsView](p).Clips[0].Download
	p.send("HEAD", one, nil)
	if got := n.events(t)["recordings.taken"]; got != 0 {
		t.Errorf("%d recordings were taken", got)
	}
	p.get(one)
	if got := n.events(t)["recordings.taken"]; got != 1 {
		t.Errorf("%d recordings were taken after the download", got)
	}
}

// TestTransferEndsWithTheRight: a long recording on its way stops when the user
// may not have it any more.
func TestTransferEndsWithTheRight(t *testing.T) {
	t.Parallel()
	n := owned(t)
	n.addUser(t, "ann", annPassword, recorder.RightPlayback)
	ann := n.user(t, "ann", annPassword)
	ann.get("/recordings?camera=1").want(200, "recordings")
	one := read[RecordingsView](ann).Clips[0]
	req := httptest.NewRequestWithContext(t.Context(), "GET", n.https+"/recordings/file?"+url.Values{"name": {one.Path}}.Encode(), nil)
	for _, c := range ann.cookies() {
		req.AddCookie(c)
	}
	w := &interrupted{ResponseRecorder: httptest.NewRecorder(), now: func() {
		must(t, n.box.ModifyAccount("admin", "ann", recorder.GroupUser, "", nil, recorder.Client{}))
	}}
	n.handler.ServeHTTP(w, req)
	if got := int64(w.Body.Len()); w.Code != 200 || got == 0 || got >= one.Size {
		t.Errorf("%d: %d of %d bytes came", w.Code, got, one.Size)
	}
}

// interrupted has something happen once the first bytes were sent.
type interrupted struct {
	*httptest.ResponseRecorder
	now func()
}

func (w *interrupted) Write(b []byte) (int, error) {
	if w.Body.Len() == 0 {
		w.now()
	}
	return w.ResponseRecorder.Write(b)
}

// TestNoRecordings: a camera without recordings has no day, and no stretch to take.
func TestNoRecordings(t *testing.T) {
	t.Parallel()
	var page strings.Builder
	must(t, recordingsBody(RecordingsView{Cameras: 2, Camera: 2, Backup: true}).Render(t.Context(), &page))
	if !strings.Contains(page.String(), "Camera 2 has no recordings.") || strings.Contains(page.String(), "T00:00") || strings.Contains(page.String(), `id="day"`) {
		t.Errorf("%s", page.String())
	}
}
