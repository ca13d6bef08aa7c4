package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"rekey"
	"rekey/internal/job"
)

// printPlan is what is shown before anything is agreed.
func printPlan(w io.Writer, plan rekey.Plan) {
	p := newPage(w)
	p.line("Plan for %s, account %q, way %s:", recorderWords(plan.Recorder), plan.Account, plan.Way.ID)
	for n, s := range plan.Steps {
		p.wrap(fmt.Sprintf("%3d. %-7s ", n+1, s.Kind), strings.Repeat(" ", 13), s.What)
	}
	if len(plan.LoggedIn) > 0 {
		p.line("Logged in now, rekey itself among them:")
		rows := [][]string{{"  ACCOUNT", "FROM", "BY"}}
		for _, u := range plan.LoggedIn {
			rows = append(rows, []string{"  " + cut(u.Account), u.Address, u.Client})
		}
		p.table(rows)
	}
	if all := len(plan.Channels); all > 0 {
		p.line("Cameras: %d%s", all, darkNow(plan.Channels))
	}
	for _, r := range plan.Risks {
		p.line("risk: %s (--accept-risk %s)", r, r)
	}
	for _, n := range plan.Notes {
		p.wrap("note: ", "      ", n)
	}
}

// darkNow names the cameras that were dark before anything was done.
func darkNow(all []rekey.Channel) string {
	var names []string
	for _, c := range all {
		if !c.Online {
			names = append(names, cameraName(c.Number, c.Name))
		}
	}
	if len(names) == 0 {
		return ", all of them connected"
	}
	return "; dark already: " + strings.Join(names, ", ")
}

func cameraName(number int, name string) string {
	if name == "" {
		return strconv.Itoa(number)
	}
	return fmt.Sprintf("%d (%s)", number, cut(name))
}

func recorderWords(id rekey.Identity) string {
	words := strings.TrimSpace(id.Vendor + " " + id.Model)
	if words == "" {
		words = "a recorder of the family " + id.Family
	}
	if id.DeviceID != "" {
		words += ", Device ID " + id.DeviceID
	}
	return words
}

// printRunReport is the one screen at the end of a run.
func printRunReport(w io.Writer, r job.Report) {
	p := newPage(w)
	p.line("Outcome: %s", r.Outcome)
	p.wrap("Recorder: ", "          ", fmt.Sprintf("%s, at %s; account %q; way %s; run %s", recorderWords(r.Recorder), r.Address, r.Account, r.Way, r.Run))
	printProofs(p, r.Proofs)
	for _, o := range r.Own {
		p.wrap("Own accounts: ", "              ", ownWords(o))
	}
	for _, s := range r.Stale {
		p.wrap("Old password: ", "              ", staleWords(s))
	}
	printChanged(p, r)
	printKept(p, r.Footage)
	printFindings(w, r.Findings)
	for _, n := range r.Notes {
		p.wrap("Note: ", "      ", n)
	}
	if r.VaultID != "" {
		p.line("Vault: rekey vault show %s", r.VaultID)
	}
	if !r.Ended.IsZero() {
		p.line("Time: %s", r.Ended.Sub(r.Started).Round(10*time.Millisecond))
	}
}

// printProofs is the matrix: every door, what each password does there.
func printProofs(p page, proofs []job.Proof) {
	if len(proofs) == 0 {
		return
	}
	rows := [][]string{{"DOOR", "ADDRESS", "NEW PASSWORD", "OLD PASSWORD", "NOTE"}}
	for _, f := range proofs {
		rows = append(rows, []string{f.Interface.String(), f.Interface.Address(), string(f.New), string(f.Old), f.Note})
	}
	p.table(rows)
}

// opened is at how many doors the new password was proved.
func opened(proofs []job.Proof) (n int) {
	for _, p := range proofs {
		if p.New == job.Opens {
			n++
		}
	}
	return n
}

func ownWords(o job.OwnAccount) string {
	if o.Word == job.OwnShared {
		return fmt.Sprintf("%s has none, as far as it tells: it takes the recorder's", o.Interface)
	}
	words := fmt.Sprintf("%s: %s", o.Interface, o.Word)
	if o.Note != "" {
		words += "; " + o.Note
	}
	return words
}

// staleWords names a client that still comes with the old password.
func staleWords(s job.StaleClient) string {
	words := fmt.Sprintf("still used from %s", s.Address)
	if s.Client != "" {
		words += " by " + s.Client
	}
	words += fmt.Sprintf(", account %q, %d times, last at %s on the recorder's clock", s.Account, s.Tries, s.Last.Format(time.TimeOnly))
	if s.Silent {
		return words + "; silent since"
	}
	return words + "; give it the new password, or stop it: it may lock the account"
}

// printChanged tells of the cameras that are not as they were.
func printChanged(p page, r job.Report) {
	for _, c := range r.Channels {
		name := cameraName(c.Number, c.Name)
		if c.After {
			p.line("Camera %s is back", name)
			continue
		}
		p.wrap("Dark: ", "      ", fmt.Sprintf("camera %s went dark: %s", name, c.Why))
		p.line("      to set the login that the recorder uses at it: %s", mend(r.Address, c.Number, c.Account))
	}
}

func printKept(p page, k *job.Kept) {
	switch {
	case k == nil:
	case k.Skipped == "":
		p.line("Footage: %d recordings, %d bytes, in %s", k.Files, k.Bytes, k.Dir)
	default:
		p.wrap("Footage: ", "         ", "not saved; "+k.Skipped)
	}
}
