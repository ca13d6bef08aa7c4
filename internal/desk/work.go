package desk

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"rekey"
	"rekey/internal/store"
)

// Given is one piece of evidence as it comes in: E1 with QR, E2 with Code, E3
// with Phrase, the others with Note.
type Given struct {
	Kind   Evidence
	Note   string
	QR     string       // the text of the recorder's QR code
	Code   rekey.Secret // the number that was sent to a registered address, as the caller read it out
	Phrase rekey.Secret // the support phrase, as the caller said it
}

// check refuses what does not belong to the kind. The note is what will be kept:
// of what the desk checks itself, the desk's own words.
func (g Given) check() (note string, err error) {
	for _, of := range []struct {
		kind    Evidence
		given   string
		what    string
		note    string
		longest int
	}{
		{EvidenceQR, g.QR, "the text of the QR code", "", 2 * maxNote},
		{EvidenceAddress, g.Code.Reveal(), "the number that was sent", "the number that was sent was read out", maxNote},
		{EvidencePhrase, g.Phrase.Reveal(), "the support phrase", "the phrase was said", 2 * maxNote},
	} {
		is := of.kind == g.Kind
		switch {
		case is && strings.TrimSpace(of.given) == "":
			return "", refuse(rekey.ErrInput, "%s needs %s", g.Kind, of.what)
		case is && len(of.given) > of.longest:
			return "", refuse(rekey.ErrInput, "%s: that is too long for %s", g.Kind, of.what)
		case is:
			return of.note, nil
		case of.given != "":
			return "", refuse(rekey.ErrInput, "%s takes a note, and not %s", g.Kind, of.what)
		}
	}
	return checkText(g.Note, string(g.Kind)+": what was checked")
}

// AddEvidence records one piece of evidence. E1, E2 and E3 the desk checks
// itself; of the others the agent says in the note what was checked. A later QR
// code takes the place of an earlier one, as it proves who is at the recorder
// for ten minutes only, and a later number (E2) confirms another address; of the
// others the error wraps rekey.ErrConflict where the case has that kind already.
func (d *Desk) AddEvidence(ctx context.Context, who Agent, number int64, given Given) (c Case, err error) {
	note, err := given.check()
	if err != nil {
		return Case{}, d.unusable(ctx, who, ActEvidenceAdd, targetOf(number, nil), err)
	}
	t := target{object: "case", number: number, detail: map[string]string{"kind": string(given.Kind)}}
	err = d.perform(ctx, who, ActEvidenceAdd, t, func() error {
		duress := false
		if given.Kind == EvidencePhrase {
			// It takes time, so the database is not held for it.
			if duress, err = d.hearPhrase(ctx, number, given.Phrase); err != nil {
				return err
			}
		}
		c, err = d.inCase(ctx, number, func(tx *sql.Tx, c *Case) error {
			if err := d.checkEvidence(ctx, tx, c, given, duress); err != nil {
				return err
			}
			return d.putEvidence(ctx, tx, who, number, given.Kind, note, strings.TrimSpace(given.QR))
		})
		return err
	})
	return c.seenBy(who), err
}

// checkEvidence checks what the desk itself can check.
func (d *Desk) checkEvidence(ctx context.Context, tx *sql.Tx, c *Case, given Given, duress bool) error {
	if err := c.takes(given.Kind); err != nil {
		return err
	}
	switch {
	case given.Kind == EvidenceQR:
		return d.takeQR(ctx, tx, c, given.QR)
	case given.Kind == EvidenceAddress:
		held, err := d.codeFits(ctx, tx, c, given.Code)
		if err == nil && held != nil {
			return lasting{held}
		}
		return err
	case duress:
		return d.holdForDuress(ctx, tx, c)
	}
	return nil
}

// takes refuses evidence that the case has no use for.
func (c *Case) takes(kind Evidence) error {
	if err := c.mustBe(takesCodes()...); err != nil {
		return err
	}
	isTel := func(t Target) bool { return strings.HasPrefix(t.address, "tel:") }
	switch {
	case kind == EvidenceAddress && len(c.Targets) == 0:
		return refuse(rekey.ErrInput, "E2 needs a registered address; recorder %s has none", c.DeviceID)
	case kind == EvidenceCallback && !slices.ContainsFunc(c.Targets, isTel):
		return refuse(rekey.ErrInput, "E6 needs a registered telephone number; recorder %s has none", c.DeviceID)
	case kind != EvidenceQR && kind != EvidenceAddress && c.facts.has(kind):
		return refuse(rekey.ErrConflict, "case %d has %s already", c.Number, kind)
	}
	return nil
}

// putEvidence writes it down.
func (d *Desk) putEvidence(ctx context.Context, tx *sql.Tx, who Agent, number int64, kind Evidence, note, qr string) error {
	if kind == EvidenceQR || kind == EvidenceAddress {
		if _, err := tx.ExecContext(ctx, `DELETE FROM evidence WHERE case_number = $1 AND kind = $2`, number, kind); err != nil {
			return err
		}
	}
	if kind == EvidenceQR {
		if err := markUnvouched(ctx, tx, number, false); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO evidence (case_number, kind, note, qr, added_by, added_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		number, kind, note, qr, who.Name, store.Micros(d.now()))
	if store.IsDuplicate(err) {
		return refuse(rekey.ErrConflict, "case %d has %s already", number, kind)
	}
	return err
}

// Approve approves a case that waits for a second person, or turns it down,
// which closes it. The proof is begun for "approve" or "deny".
func (d *Desk) Approve(ctx context.Context, who Agent, number int64, approve bool, proof StepUp) (c Case, err error) {
	decision := map[bool]string{true: "approve", false: "deny"}[approve]
	t := target{object: "case", number: number, detail: seat(who, map[string]string{"decision": decision}), bound: decision, proof: proof}
	err = d.perform(ctx, who, ActCaseApprove, t, func() error {
		c, err = d.inCase(ctx, number, func(tx *sql.Tx, c *Case) error {
			if err := c.mustBe(StageApproval); err != nil {
				return err
			}
			if !approve {
				return d.closeCase(ctx, tx, who, number, Ending{Outcome: turnedDown})
			}
			return d.putApproval(ctx, tx, who, c)
		})
		if errors.Is(err, errSameBrowser) {
			return d.oneBrowser(ctx, who, number)
		}
		return err
	})
	return c.seenBy(who), err
}

// putApproval approves what the rules ask for now, and tells the owner.
func (d *Desk) putApproval(ctx context.Context, tx *sql.Tx, who Agent, c *Case) error {
	if err := d.takePart(ctx, tx, c.Number, who.Name, approves); err != nil {
		return err
	}
	if err := sitAt(ctx, tx, who, c.Number, approves); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `UPDATE cases SET approved_by = $1, approved_at = $2, approved_level = $3, approved_hold = $4,
			approved_jumped = COALESCE((SELECT jumped FROM clock), 0), approved_rules = $5 WHERE number = $6`,
		who.Name, store.Micros(d.now()), c.decision.Level, c.decision.Hold.Microseconds(), strings.Join(c.decision.grave, ";"), c.Number)
	if store.IsCheck(err) {
		return ownCase(c.Number)
	}
	if err != nil {
		return err
	}
	if err := d.doubtSeat(ctx, tx, who, c); err != nil {
		return err
	}
	return d.tellOwner(ctx, tx, c, tellApprove)
}

// Outcomes are how a case may end, in the words that are kept.
func Outcomes() []string { return []string{"solved", "not solved", "given up", "suspicious"} }

// turnedDown is the outcome of a case that the second person did not approve.
const turnedDown = "turned down"

// Ending is how a case ended.
type Ending struct {
	Outcome     string `json:"outcome"`      // one of Outcomes
	PasswordSet string `json:"password_set"` // yes, no or unknown; empty = unknown
	CallerIn    string `json:"caller_in"`    // yes, no or unknown; empty = unknown
}

func (e Ending) check() (Ending, error) {
	if !slices.Contains(Outcomes(), e.Outcome) {
		return e, refuse(rekey.ErrInput, "outcome %q: expected %s", clip(e.Outcome), strings.Join(Outcomes(), ", "))
	}
	for _, word := range []*string{&e.PasswordSet, &e.CallerIn} {
		if *word == "" {
			*word = "unknown"
		}
		if !slices.Contains([]string{"yes", "no", "unknown"}, *word) {
			return e, refuse(rekey.ErrInput, "%q: expected yes, no or unknown", clip(*word))
		}
	}
	return e, nil
}

// CloseCase ends a case. Where an answer was issued and a new password was set,
// the owner is told so.
func (d *Desk) CloseCase(ctx context.Context, who Agent, number int64, end Ending) (Case, error) {
	end, err := end.check()
	if err != nil {
		return Case{}, d.unusable(ctx, who, ActCaseClose, targetOf(number, nil), err)
	}
	detail := map[string]string{"outcome": end.Outcome, "password_set": end.PasswordSet, "caller_in": end.CallerIn}
	return d.changeCase(ctx, who, ActCaseClose, target{object: "case", number: number, detail: detail}, func(tx *sql.Tx, c *Case) error {
		if !c.ClosedAt.IsZero() {
			return c.mustBe()
		}
		if err := d.closeCase(ctx, tx, who, number, end); err != nil {
			return err
		}
		if end.PasswordSet == "yes" && !c.AnsweredAt.IsZero() {
			return d.tellOwner(ctx, tx, c, tellUse)
		}
		return nil
	})
}

// closeCase ends a case, and the owner's half with it.
func (d *Desk) closeCase(ctx context.Context, tx *sql.Tx, who Agent, number int64, end Ending) error {
	_, err := tx.ExecContext(ctx, `UPDATE cases SET closed_by = $1, closed_at = $2, outcome = $3, password_set = $4, caller_in = $5 WHERE number = $6`,
		who.Name, store.Micros(d.now()), end.Outcome, end.PasswordSet, end.CallerIn, number)
	if err != nil {
		return err
	}
	return dropHalves(ctx, tx, number)
}
