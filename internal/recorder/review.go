package recorder

import (
	"maps"

	"rekey/seclog"
)

// A recorder whose password was set by a temporary one may have been in other
// hands. Until somebody logs in with the new password nobody comes in by way of
// the maker's servers, and until an admin has looked through it the menu asks
// for that.

// mistrust is part of setting a password by a temporary one.
func (s *state) mistrust(name string, from Client) []seclog.Record {
	s.Review = true
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
// password was set by a temporary one.
func (b *Box) ReviewDue() bool { return b.state().Review }

// Reviewed takes down that an admin who is logged in has looked through the recorder.
func (b *Box) Reviewed(manager string, from Client) error {
	return b.commit(func(next *state) ([]seclog.Record, error) {
		if err := next.mustBeAdmin(mainList, manager); err != nil {
			return nil, err
		}
		if !next.Review {
			return nil, nil
		}
		next.Review = false
		return []seclog.Record{from.record(manager, "review.done", b.id.Info.DeviceID, "ok")}, nil
	})
}
