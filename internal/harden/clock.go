package harden

import (
	"context"
	"fmt"
	"time"

	"rekey"
)

// mostDrift is how far a recorder's clock may be off.
const mostDrift = 5 * time.Minute

func checkClock(ctx context.Context, s rekey.Session, in CheckInput) ([]Finding, error) {
	reader, err := can[rekey.ClockReader](s)
	if err != nil {
		return nil, err
	}
	wall, err := reader.Clock(ctx)
	if err != nil {
		return nil, err
	}
	off := drift(wall, in.Now)
	if off.Abs() <= mostDrift {
		return nil, nil
	}
	return []Finding{{
		ID: ClockWrong, Severity: Medium, Certainty: rekey.Inferred,
		Title: fmt.Sprintf("the recorder's clock says %s, which is about %s off in the nearest time zone", wall.Format("2006-01-02 15:04:05"), off.Abs().Round(time.Minute)),
		Why:   "recordings are hard to use as proof, and temporary passwords that depend on the date fail",
		Do:    "set date, time and zone at the recorder, and switch NTP on",
	}}, nil
}

// drift is how far a wall clock of unknown zone is off: the least distance to
// the true time in any zone in use, the operator's among them. A clock that is
// wrong by whole hours is therefore not noticed.
func drift(wall, now time.Time) time.Duration {
	_, here := now.Zone()
	best := wall.Sub(now) - time.Duration(here)*time.Second
	for _, zone := range zones() {
		if off := wall.Sub(now) - zone; off.Abs() < best.Abs() {
			best = off
		}
	}
	return best
}

// zones are the offsets from UTC in use: whole hours, and the few that are not
// (IANA time zone database, 2025).
func zones() []time.Duration {
	var all []time.Duration
	for h := -12; h <= 14; h++ {
		all = append(all, time.Duration(h)*time.Hour)
	}
	for _, minutes := range []int{-570, -210, -150, 210, 270, 330, 345, 390, 525, 570, 630, 765, 825} {
		all = append(all, time.Duration(minutes)*time.Minute)
	}
	return all
}

func checkFirmware(ctx context.Context, s rekey.Session, in CheckInput) ([]Finding, error) {
	reader, err := can[rekey.FirmwareReader](s)
	if err != nil {
		return nil, err
	}
	version, built, err := reader.Firmware(ctx)
	if err != nil {
		return nil, err
	}
	if in.Now.Sub(built) <= in.FirmwareAge {
		return nil, nil
	}
	return []Finding{{
		ID: FirmwareOld, Severity: Low, Certainty: rekey.Inferred,
		Title: "the firmware " + version + " was built on " + built.Format("2006-01-02"),
		Why:   "faults that were found since are not mended in it",
		Do:    "look for a newer one on the maker's site for this very model; save footage and settings before you install it",
	}}, nil
}
