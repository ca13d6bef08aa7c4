package seat

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"rekey/internal/recorder"
	"rekey/internal/web"
)

const reviewPath = "/menu/review"

// ReviewView is what an admin looks at after a password was set by a temporary
// one, or after a reset by the button. POST to the same path, fields item and
// mark (done or skipped), marks one.
type ReviewView struct {
	Page  string       `json:"page"` // "review"
	Due   bool         `json:"due"`
	Items []ReviewLine `json:"items,omitempty"`
}

// ReviewLine is one item, with what the recorder itself can tell of it.
type ReviewLine struct {
	recorder.ReviewItem
	Title string `json:"title"`
	Text  string `json:"text"`
	Now   string `json:"now,omitempty"`  // how it stands
	Href  string `json:"href,omitempty"` // the page where it is done
	Link  string `json:"link,omitempty"`
}

func (v ReviewView) open() int {
	n := 0
	for _, i := range v.Items {
		if i.Mark == recorder.ReviewOpen {
			n++
		}
	}
	return n
}

func (s *seat) reviewScreens(mux *http.ServeMux) {
	mux.HandleFunc("GET "+reviewPath, s.withAdmin(s.showReview))
	mux.HandleFunc("POST "+reviewPath, s.withAdmin(s.markReview))
}

func (s *seat) showReview(w http.ResponseWriter, r *http.Request, l *login) {
	v := ReviewView{Page: "review", Due: s.box.ReviewDue()}
	for _, i := range s.box.Review() {
		v.Items = append(v.Items, s.reviewLine(i, l.account))
	}
	web.Respond(w, r, http.StatusOK, v, s.site(nav(reviewPath)...).Page("Review", reviewBody(v)))
}

func (s *seat) markReview(w http.ResponseWriter, r *http.Request, l *login) {
	if !web.ParseForm(w, r) {
		return
	}
	if err := s.box.MarkReview(l.account, r.PostForm.Get("item"), recorder.ReviewMark(r.PostForm.Get("mark")), recorder.AtSeat()); err != nil {
		web.Fail(w, r, err)
		return
	}
	http.Redirect(w, r, reviewPath, http.StatusSeeOther)
}

// reviewLine says an item for the account that goes through the list.
func (s *seat) reviewLine(i recorder.ReviewItem, account string) ReviewLine {
	line := s.reviewWords(i.Name, account)
	line.ReviewItem = i
	line.Title = cmp.Or(line.Title, i.Name)
	return line
}

func (s *seat) reviewWords(name, account string) ReviewLine {
	second := s.box.SecondFactor(account)
	onOff := map[bool]string{true: "on", false: "off"}
	switch name {
	case recorder.ReviewBackup:
		return ReviewLine{Title: "Recordings", Text: "Save those you may need before anything else is done to the recorder.", Href: backupPath, Link: "Backup"}
	case recorder.ReviewPassword:
		return ReviewLine{Title: "Strong password", Text: "Is your password long, and used nowhere else?", Now: "Set " + s.passwordSet(account) + ".", Href: s.users.edit(account), Link: "Edit " + account}
	case recorder.ReviewSecond:
		return ReviewLine{Title: "Second factor", Text: "A code beside the password keeps out who learns the password.", Now: "Yours is " + onOff[second.On] + ".", Href: securityPath, Link: "Security"}
	case recorder.ReviewSheet:
		return ReviewLine{Title: "Recovery sheet", Text: "Print a new one and throw the old one away: others may have seen it.", Now: s.sheetNow(second), Href: securityPath, Link: "Security"}
	case recorder.ReviewFirmware:
		return ReviewLine{Title: "Firmware", Text: "Is it the newest that the maker offers?", Now: "Version " + s.box.Info().Firmware + ", built " + s.box.Info().BuildDate + ".", Href: firmwarePath, Link: "Firmware"}
	case recorder.ReviewUsers:
		return ReviewLine{Title: "Users", Text: "Is everybody on the list somebody you know? Phones, too.", Now: s.usersNow(), Href: s.users.address(), Link: "Users"}
	case recorder.ReviewServices:
		return ReviewLine{Title: "Services", Text: "UPnP, remote access, Telnet, SSH and ONVIF are on only where you need them.", Now: s.servicesNow(), Href: servicesPath, Link: "Services"}
	case recorder.ReviewCloud:
		return ReviewLine{Title: "Cloud link", Text: "Link the recorder again if it was, and see that the owner is you.", Now: s.cloudNow(), Href: s.cloudHref(), Link: "Cloud link"}
	case recorder.ReviewCameras:
		return ReviewLine{Title: "Camera passwords", Text: "Cameras have passwords of their own. Change those that others knew, at each camera."}
	case recorder.ReviewLog:
		return ReviewLine{Title: "Security log", Text: "Who logged in before, and what was changed?", Href: logPath, Link: "Security log"}
	}
	return ReviewLine{}
}

func (s *seat) passwordSet(account string) string {
	all := s.box.Accounts()
	if at := slices.IndexFunc(all, named(account)); at >= 0 {
		return clockWords(all[at].Changed)
	}
	return "at an unknown time"
}

func (s *seat) sheetNow(second recorder.SecondFactor) string {
	if !second.On && second.SheetLeft == 0 {
		return "You have none."
	}
	return countOf(second.SheetLeft, "code is", "codes are") + " left on yours."
}

func (s *seat) usersNow() string {
	all, phones := s.box.Accounts(), 0
	for _, a := range all {
		phones += len(s.box.Phones(a.Name))
	}
	return countOf(len(all), "user", "users") + ", " + countOf(phones, "paired phone", "paired phones") + "."
}

func (s *seat) servicesNow() string {
	if n := unwise(s.services()); n > 0 {
		return countOf(n, "service is", "services are") + " not as recommended."
	}
	return "All are as recommended."
}

func (s *seat) cloudNow() string {
	link, is, err := s.box.CloudLink()
	switch {
	case err != nil || !is:
		return "Linked with none."
	case !link.Linked:
		return "A pairing with " + link.URL + " waits for its code."
	}
	return "Linked with " + link.URL + ", owner " + link.Owner + "."
}

// cloudHref is empty where the recorder has no page for it.
func (s *seat) cloudHref() string {
	if s.o.Cloud == nil {
		return ""
	}
	return cloudPath
}

// clockWords is a time as the pages show it.
func clockWords(at time.Time) string { return at.UTC().Format("2006-01-02 15:04") + " UTC" }
