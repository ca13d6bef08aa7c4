package seat

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"rekey"
	"rekey/internal/recorder"
	"rekey/internal/recorder/say"
	"rekey/internal/web"
	"rekey/seclog"
)

const logPath = "/menu/log"

// MenuView is the Main Menu. POST /menu/support allows temporary passwords again,
// for admins; POST /menu/notices, field seen, takes down that the notices were read
// up to that number. What is left of a review is at /menu/review.
type MenuView struct {
	Page            string       `json:"page"` // "menu"
	Account         string       `json:"account"`
	Admin           bool         `json:"admin"`
	SupportDisabled bool         `json:"support_disabled"`  // after 100 wrong temporary passwords
	Review          []string     `json:"review,omitempty"`  // what is still to be looked at, for admins
	Notices         []NoticeLine `json:"notices,omitempty"` // what others did to this user since it was last told
	Sections        []Section    `json:"sections"`
}

// NoticeLine is one thing that was done to the user.
type NoticeLine struct {
	Number uint64 `json:"number"`
	Time   string `json:"time"`
	Text   string `json:"text"`
}

// Section is one part of the menu, with what the user who is logged in may open.
type Section struct {
	Title string `json:"title"`
	Tiles []Tile `json:"tiles"`
}

// Tile is one way on.
type Tile struct {
	Title string `json:"title"`
	Href  string `json:"href"`
	Link  string `json:"link"`
	Text  string `json:"text"`
}

func (s *seat) menuScreens(mux *http.ServeMux) {
	mux.HandleFunc("GET /menu", s.withLogin(s.menu))
	mux.HandleFunc("POST /menu/support", s.withAdmin(s.allowSupport))
	mux.HandleFunc("POST /menu/notices", s.withLogin(s.noticesSeen))
	mux.HandleFunc("GET "+logPath, s.withAdmin(s.securityLog))
	s.userScreens(mux)
	s.serviceScreens(mux)
	s.firmwareScreens(mux)
	s.reviewScreens(mux)
}

func (s *seat) menu(w http.ResponseWriter, r *http.Request, l *login) {
	state, err := s.box.GuardState()
	if err != nil {
		web.Fail(w, r, err)
		return
	}
	v := MenuView{Page: "menu", Account: l.account, Admin: s.isAdmin(l.account), SupportDisabled: state.Disabled}
	v.Sections = s.sections(l.account, v.Admin)
	if v.Admin {
		for _, i := range s.box.Review() {
			if i.Mark == recorder.ReviewOpen {
				v.Review = append(v.Review, s.reviewWords(i.Name, l.account).Title)
			}
		}
	}
	for _, n := range s.box.Notices(l.account) {
		v.Notices = append(v.Notices, NoticeLine{n.Number, clockWords(n.Time), say.Sentence(seclog.Record{Event: n.Event, Object: l.account}) + " By " + say.Quoted(n.Actor) + "."})
	}
	web.Respond(w, r, http.StatusOK, v, s.site(nav("/menu")...).Page("Main Menu", menuBody(v)))
}

// sections are the menu of one user: what an account may not open is not on it.
func (s *seat) sections(account string, admin bool) []Section {
	users := Tile{"Your password", s.users.address(), strings.Join(s.users[1:], " > "), "Change it, and see which phones stay logged in."}
	settings, system := Section{s.users[0], []Tile{users}}, Section{Title: "System"}
	if admin {
		settings.Tiles[0].Title, settings.Tiles[0].Text = "Users and rights", "Change your password, add a user, help one who forgot theirs."
		under := &system
		if s.settingsFirst() {
			under = &settings
		}
		under.Tiles = append(under.Tiles,
			Tile{"Services", servicesPath, "On and off", "What can be reached over the network, and when a user is locked."},
			Tile{"Firmware", firmwarePath, "Version and update", "How old it is, and how it is updated."})
	}
	safety := Section{"Security", []Tile{{"Security", securityPath, "Second factor and recovery sheet", "A code beside the password, and one-time codes to print."}}}
	if admin {
		safety.Tiles = append(safety.Tiles, Tile{"Security log", logPath, "What happened, in words", "Who logged in, who was refused, what was changed."})
		if s.o.Cloud != nil {
			safety.Tiles = append(safety.Tiles, Tile{"Cloud link", cloudPath, "Linked, or off", "A temporary password by e-mail for its owner."})
		}
		if s.box.ReviewDue() {
			safety.Tiles = append(safety.Tiles, Tile{"Review", reviewPath, "What to look at now", "After a temporary password, or a reset by the button."})
		}
	}
	about := Section{"Recorder", []Tile{{"Info", "/info", "Device ID and addresses", "What support asks for."}}}
	all := []Section{settings, system, safety, s.footageSection(account, admin), about}
	return slices.DeleteFunc(all, func(one Section) bool { return len(one.Tiles) == 0 })
}

func (s *seat) footageSection(account string, admin bool) Section {
	section := Section{Title: "Recordings"}
	if s.o.Footage != nil && (admin || s.box.May(account, recorder.RightPlayback)) {
		section.Tiles = append(section.Tiles, Tile{"Recordings", recordingsPath, "What is on the disk", "Days and cameras; opening sealed ones, erasing."})
	}
	if s.o.Backup != nil && s.box.May(account, recorder.RightBackup) {
		section.Tiles = append(section.Tiles, Tile{"Backup", backupPath, "To a USB drive", "Chosen cameras and times, with a list that proves them whole."})
	}
	return section
}

// menuWay is the way to a page of the settings: under Settings where this
// generation of the screen has them.
func (s *seat) menuWay(page string) []string {
	if s.settingsFirst() {
		return []string{"Main Menu", s.users[0], page}
	}
	return []string{"Main Menu", page}
}

// settingsFirst tells whether this generation of the screen has the users under
// Settings, and not a place of their own.
func (s *seat) settingsFirst() bool { return strings.HasPrefix(s.users[0], "Setting") }

func (s *seat) allowSupport(w http.ResponseWriter, r *http.Request, l *login) {
	if err := s.box.EnableSupport(l.account); err != nil {
		web.Fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/menu", http.StatusSeeOther)
}

func (s *seat) noticesSeen(w http.ResponseWriter, r *http.Request, l *login) {
	if !web.ParseForm(w, r) {
		return
	}
	seen, err := strconv.ParseUint(r.PostForm.Get("seen"), 10, 64)
	if err != nil {
		web.Fail(w, r, fmt.Errorf("%w: field seen: expected the number of the newest notice that was read", rekey.ErrInput))
		return
	}
	if err := s.box.NoticesSeen(l.account, seen, recorder.AtSeat()); err != nil {
		web.Fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/menu", http.StatusSeeOther)
}

// countOf says a number of things: "1 user", "2 users", "no users".
func countOf(n int, one, many string) string {
	switch n {
	case 0:
		return "no " + many
	case 1:
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
