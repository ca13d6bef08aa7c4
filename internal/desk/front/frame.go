package front

import (
	"embed"
	"net/http"
	"strconv"
	"strings"
	"time"

	"rekey/internal/desk"
	"rekey/internal/desk/staff"
	"rekey/internal/web"
)

//go:embed static
var files embed.FS

// The desk's own files, on every page.
var (
	styles  = []string{"/static/desk.css", "/static/lead.css"}
	scripts = []string{"/static/passkey.js", "/static/marks.js", "/static/scan.js", "/static/news.js", "/static/keys.js", "/static/countdown.js"}
)

// static serves the files that the fronts share, and the desk's own.
func static() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /static/", web.Static())
	own := web.StaticOf(files)
	for _, path := range append(append([]string{ownerStyle}, styles...), scripts...) {
		mux.Handle("GET "+path, own)
	}
	return mux
}

// places are where the navigation leads, each for those who may do the act.
func places() []place {
	return []place{
		{desk.ActCaseOpen, "Desk", "/"},
		{desk.ActCaseList, "Cases", "/cases"},
		{desk.ActCaseApprove, "Approvals", "/approvals"},
		{desk.ActRecorderList, "Recorders", "/recorders"},
		{desk.ActAlarmSettle, "Team", "/team"},
		{desk.ActFigures, "Figures", "/figures"},
		{desk.ActAlarmList, "Alarms", "/alarms"},
		{desk.ActLogVerify, "Security log", "/log"},
		{desk.ActDealerAdd, "Dealers", "/dealers"},
		{desk.ActAgentAdd, "Agents", "/agents"},
		{desk.ActKeyMake, "API keys", "/keys"},
		{desk.ActRecorderEnrol, "Enrol", "/enrol"},
	}
}

type place struct {
	act        desk.Act
	text, href string
}

// home is where somebody begins.
func home(who desk.Agent) string {
	switch who.Role {
	case staff.RoleAuditor:
		return "/log"
	case staff.RoleAdministrator:
		return "/agents"
	case staff.RoleApprover:
		return "/approvals"
	}
	return "/"
}

// frame is the frame of the desk's pages, with what the role may see.
func frame(who desk.Agent, path string) web.Site {
	s := web.Site{Name: "Support desk", Home: "/", Styles: styles, Scripts: scripts}
	if who.Name == "" {
		return s
	}
	for _, p := range places() {
		if desk.May(who, p.act) {
			s.Nav = append(s.Nav, web.Link{Text: p.text, Href: p.href, Current: p.href == path})
		}
	}
	return withAccount(s, who, path)
}

func withAccount(s web.Site, who desk.Agent, path string) web.Site {
	s.Nav = append(s.Nav,
		web.Link{Text: who.Name + " (" + string(who.Role) + ")", Href: "/account", Current: path == "/account"},
		web.Link{Text: "Log out", Href: "/logout", Post: true})
	return s
}

// when is a time as every page tells it.
func when(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

// sentence starts an error's words as a page does.
func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// told is an error in a person's words; "" for none.
func told(err error) string {
	if err == nil {
		return ""
	}
	return sentence(web.ProblemOf(err).Detail)
}

func dash(s string) string { return orElse(s, "-") }

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func caseURL(number int64) string { return "/cases/" + strconv.FormatInt(number, 10) }

func caseTitle(number int64) string { return "Case " + strconv.FormatInt(number, 10) }

// plain is a masked address as people write it.
func plain(address string) string {
	if number, ok := strings.CutPrefix(address, "tel:"); ok {
		return "telephone " + number
	}
	return strings.TrimPrefix(address, "mailto:")
}

// plainly are addresses as people write them.
func plainly(addresses []string) string {
	var all []string
	for _, a := range addresses {
		all = append(all, plain(a))
	}
	return strings.Join(all, ", ")
}
