package front

import (
	"net/url"
	"strconv"
	"strings"

	"rekey"
	"rekey/internal/desk"
)

func (f *front) log(c *call) (reply, error) {
	v, err := f.desk.VerifyLog(c.r.Context(), c.who)
	if err != nil {
		return reply{}, err
	}
	return reply{title: "Security log", page: logPage(v)}, nil
}

// recordsOf is the search that the page's address asks for.
func recordsOf(q url.Values) (desk.LogSearch, error) {
	s := desk.LogSearch{Event: strings.TrimSpace(q.Get("event")), Actor: strings.TrimSpace(q.Get("actor")), Most: 50}
	for name, into := range map[string]*int64{"case": &s.Case, "before": &s.Before} {
		text := strings.TrimSpace(q.Get(name))
		if text == "" {
			continue
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 1 {
			return s, refuse(rekey.ErrInput, "%s: expected a number such as 7", name)
		}
		*into = n
	}
	return s, nil
}

func (f *front) logRecords(c *call) (reply, error) {
	s, err := recordsOf(c.r.URL.Query())
	if err != nil {
		return reply{title: "Records", page: recordsPage(s, desk.LogPage{}, told(err))}, err
	}
	v, err := f.desk.SearchLog(c.r.Context(), c.who, s)
	if err != nil {
		return reply{}, err
	}
	return reply{title: "Records", page: recordsPage(s, v, "")}, nil
}

// recordsURL is the address of a search, from a record on back; 0 = from the newest.
func recordsURL(s desk.LogSearch, before int64) string {
	q := url.Values{}
	for name, value := range map[string]string{"event": s.Event, "actor": s.Actor, "case": numberOrNone(s.Case), "before": numberOrNone(before)} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return "/log/records?" + q.Encode()
}

func (f *front) checkpoint(c *call) (reply, error) { return f.checkpointPage(c, nil, nil) }

func (f *front) checkpointPage(c *call, compared *desk.LogCompared, failed error) (reply, error) {
	now, err := f.desk.LogCheckpoint(c.r.Context(), c.who)
	if err != nil {
		return reply{}, err
	}
	return reply{title: "Checkpoint", page: checkpointPage(now, compared, told(failed))}, failed
}

// compareLog holds an earlier checkpoint against the log. It changes nothing: it
// is a POST as a file may come with it.
func (f *front) compareLog(c *call) (reply, error) {
	file, err := c.upload("file")
	if err != nil {
		return f.checkpointPage(c, nil, err)
	}
	text := c.field("checkpoint")
	if text == "" {
		text = string(file)
	}
	if strings.TrimSpace(text) == "" {
		return f.checkpointPage(c, nil, refuse(rekey.ErrInput, "paste the earlier checkpoint, or choose the file that you kept it in"))
	}
	// Browsers send the ends of lines as on paper, and lose the last.
	text = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n")) + "\n"
	v, err := f.desk.CompareLog(c.r.Context(), c.who, text)
	if err != nil {
		return f.checkpointPage(c, nil, err)
	}
	return f.checkpointPage(c, &v, nil)
}
