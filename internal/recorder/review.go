package recorder

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"rekey"
	"rekey/seclog"
)

// A recorder whose password was set by a temporary one, or that was reset by the
// button, may have been in other hands. Until somebody logs in with the new
// password nobody comes in by way of the maker's servers, and until an admin has
// gone through a list of what to look at the menu asks for that.

// ReviewMark is what became of one item of the review.
type ReviewMark string

// The marks. What is skipped is on record as skipped.
const (
	ReviewOpen    ReviewMark = ""
	ReviewDone    ReviewMark = "done"
	ReviewSkipped ReviewMark = "skipped"
)

// ReviewItem is one thing to look at.
type ReviewItem struct {
	Name string     `json:"name"` // one of ReviewNames
	Mark ReviewMark `json:"mark,omitempty"`
	By   string     `json:"by,omitempty"` // who marked it
	At   time.Time  `json:"at,omitzero"`
}

// The items of a review.
const (
	ReviewBackup   = "backup"   // the recordings, before anything else is done to them
	ReviewPassword = "password" // a strong one
	ReviewSecond   = "second"   // the second factor
	ReviewSheet    = "sheet"    // the recovery sheet, printed anew
	ReviewFirmware = "firmware"
	ReviewUsers    = "users"
	ReviewServices = "services" // UPnP, remote access, Telnet, ONVIF
	ReviewCloud    = "cloud"    // the link with a cloud
	ReviewCameras  = "cameras"  // their passwords
	ReviewLog      = "log"      // who logged in before
)

// ReviewNames are all items, in the order in which they are best gone through.
func ReviewNames() []string {
	return []string{ReviewBackup, ReviewPassword, ReviewSecond, ReviewSheet, ReviewFirmware, ReviewUsers, ReviewServices, ReviewCloud, ReviewCameras, ReviewLog}
}

// checklist is a review; empty = none is due. It is never modified, only replaced.
type checklist []ReviewItem

// UnmarshalJSON takes the true and false of an earlier rekey, too.
func (c *checklist) UnmarshalJSON(data []byte) error {
	var due bool
	if json.Unmarshal(data, &due) == nil {
		*c = nil
		if due {
			*c = wholeReview()
		}
		return nil
	}
	return json.Unmarshal(data, (*[]ReviewItem)(c))
}

func wholeReview() checklist {
	var all checklist
	for _, name := range ReviewNames() {
		all = append(all, ReviewItem{Name: name})
	}
	return all
}

// over tells whether nothing of it is open.
func (c checklist) over() bool {
	return !slices.ContainsFunc(c, func(i ReviewItem) bool { return i.Mark == ReviewOpen })
}

// mistrust is part of setting a password by a temporary one.
func (s *state) mistrust(name string, from Client) []seclog.Record {
	s.Review = wholeReview()
	records := []seclog.Record{from.record("recorder", "review.opened", name, "ok")}
	if s.Tables[remoteTable]["Enable"] != "true" {
		return records
	}
	s.switchRemote("false")
	s.RemoteFor = name
	return append(records, from.record("recorder", "service.off", remoteTable, "until "+name+" logs in"))
}

// trust is part of a login: it gives back what mistrust took.
func (s *state) trust(name string, from Client) []seclog.Record {
	if s.RemoteFor != name || name == "" {
		return nil
	}
	s.switchRemote("true")
	s.RemoteFor = ""
	return []seclog.Record{from.record("recorder", "service.on", remoteTable, name+" has logged in")}
}

func (s *state) switchRemote(enable string) {
	table := maps.Clone(s.Tables[remoteTable])
	table["Enable"] = enable
	s.Tables[remoteTable] = table
}

// ReviewDue tells whether an admin has yet to look through the recorder after a
// password was set by a temporary one or after a reset by the button.
func (b *Box) ReviewDue() bool { return len(b.state().Review) > 0 }

// Review is what there is to look at and what became of it; nil = no review is due.
func (b *Box) Review() []ReviewItem { return slices.Clone(b.state().Review) }

// MarkReview takes down that an admin who is logged in has done or skipped an
// item. With the last one the review is over. Where none is due, nothing happens.
func (b *Box) MarkReview(manager, name string, mark ReviewMark, from Client) error {
	if mark != ReviewDone && mark != ReviewSkipped {
		return fmt.Errorf("%w: mark %q; expected done or skipped", rekey.ErrInput, clip(string(mark)))
	}
	if !slices.Contains(ReviewNames(), name) {
		return fmt.Errorf("%w: the review has no item %q", rekey.ErrInput, clip(name))
	}
	return b.commit(func(next *state) ([]seclog.Record, error) {
		if err := next.mustBeAdmin(mainList, manager); err != nil {
			return nil, err
		}
		items := slices.Clone(next.Review)
		at := slices.IndexFunc(items, func(i ReviewItem) bool { return i.Name == name })
		if at < 0 || items[at].Mark == mark {
			return nil, nil
		}
		items[at] = ReviewItem{Name: name, Mark: mark, By: manager, At: b.now().UTC().Truncate(time.Second)}
		next.Review = items
		records := []seclog.Record{from.record(manager, "review.item", name, string(mark))}
		if items.over() {
			next.Review = nil
			records = append(records, from.record(manager, "review.done", b.id.Info.DeviceID, "ok"))
		}
		return records, nil
	})
}
