package desk

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"unicode/utf8"

	"rekey"
	"rekey/internal/argon"
	"rekey/internal/store"
	"rekey/recovery"
)

// Phrases are the owner's support phrase (E3) and duress word. The duress word
// counts as the phrase on the agent's page, and holds the case silently.
type Phrases struct {
	Support, Duress rekey.Secret
}

// How long phrases are, in characters, as spoken: see spoken.
const (
	leastPhrase = 8
	leastDuress = 4
	mostPhrase  = 200
)

// spoken is a phrase without what cannot be heard: capitals, and what stands
// between the words.
func spoken(phrase rekey.Secret) rekey.Secret {
	words := strings.FieldsFunc(strings.ToLower(phrase.Reveal()), func(r rune) bool { return strings.ContainsRune(" \t\r\n-_,.;:!?'\"/", r) })
	return rekey.NewSecret(strings.Join(words, " "))
}

func (p Phrases) check() (Phrases, error) {
	heard := Phrases{spoken(p.Support), spoken(p.Duress)}
	for _, of := range []struct {
		typed, heard rekey.Secret
		least        int
		name         string
	}{{p.Support, heard.Support, leastPhrase, "support phrase"}, {p.Duress, heard.Duress, leastDuress, "duress word"}} {
		n := utf8.RuneCountInString(of.heard.Reveal())
		oneLine := !strings.ContainsAny(of.typed.Reveal(), lineEnds)
		if !of.typed.Equal(rekey.Secret{}) && (n < of.least || n > mostPhrase || !oneLine || !printable(of.heard.Reveal())) {
			return heard, refuse(rekey.ErrInput, "the %s needs %d to %d characters on one line", of.name, of.least, mostPhrase)
		}
	}
	if !heard.Duress.Equal(rekey.Secret{}) && heard.Duress.Equal(heard.Support) {
		return heard, refuse(rekey.ErrInput, "the duress word must differ from the support phrase")
	}
	return heard, nil
}

// SetPhrases registers them; an empty one is removed. They come with the
// registration, never from a caller. The proof is begun for PhrasesProof.
func (d *Desk) SetPhrases(ctx context.Context, who Agent, id recovery.DeviceID, p Phrases, proof StepUp) error {
	heard, err := p.check()
	if err != nil {
		return d.unusable(ctx, who, ActRecorderUpdate, target{object: id.String()}, err)
	}
	t := target{detail: map[string]string{"what": "phrases"}, bound: PhrasesProof(id, p), proof: proof}
	return d.updateRecorder(ctx, who, ActRecorderUpdate, id, t, func(tx *sql.Tx, _ Recorder) error {
		for kind, phrase := range map[string]rekey.Secret{"support": heard.Support, "duress": heard.Duress} {
			if _, err := tx.ExecContext(ctx, `DELETE FROM phrases WHERE device_id = $1 AND kind = $2`, id.String(), kind); err != nil {
				return err
			}
			if phrase.Equal(rekey.Secret{}) {
				continue
			}
			hash, err := d.opt.Argon.Hash(phrase, d.opt.Rand)
			if err != nil {
				return err
			}
			_, err = tx.ExecContext(ctx, `INSERT INTO phrases (device_id, kind, hash, set_at) VALUES ($1, $2, $3, $4)`,
				id.String(), kind, hash, store.Micros(d.now()))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// phraseTries is how often a case takes a phrase.
const phraseTries = 5

// phraseHashes are the hashes of a recorder's phrases; empty = none.
type phraseHashes struct{ support, duress string }

// hearPhrase checks a phrase (E3). The words and the work are the same whether
// it is wrong, missing, or said too often, and whether it was the duress word.
// A try is spent before anything is compared.
func (d *Desk) hearPhrase(ctx context.Context, number int64, said rekey.Secret) (duress bool, err error) {
	left := false
	var hashes phraseHashes
	_, err = d.inCase(ctx, number, func(tx *sql.Tx, c *Case) error {
		if err := c.takes(EvidencePhrase); err != nil {
			return err
		}
		if left, err = spendTry(ctx, tx, number); err != nil {
			return err
		}
		hashes, err = readPhrases(ctx, tx, c.DeviceID)
		return err
	})
	if err != nil {
		return false, err
	}
	said = spoken(said)
	support, err := d.fits(ctx, hashes.support, said)
	if err != nil {
		return false, err
	}
	if duress, err = d.fits(ctx, hashes.duress, said); err != nil {
		return false, err
	}
	if !left || (!support && !duress) {
		return false, refuse(rekey.ErrDenied, "the phrase was not taken; go on with other evidence, and do not tell the caller why")
	}
	return duress, nil
}

func spendTry(ctx context.Context, tx *sql.Tx, number int64) (left bool, err error) {
	done, err := tx.ExecContext(ctx, `UPDATE cases SET phrase_tries = phrase_tries + 1 WHERE number = $1 AND phrase_tries < $2`, number, phraseTries)
	if err != nil {
		return false, err
	}
	n, err := done.RowsAffected()
	return n == 1, err
}

func readPhrases(ctx context.Context, tx *sql.Tx, id recovery.DeviceID) (h phraseHashes, err error) {
	err = tx.QueryRowContext(ctx, `SELECT COALESCE((SELECT hash FROM phrases WHERE device_id = $1 AND kind = 'support'), ''),
		COALESCE((SELECT hash FROM phrases WHERE device_id = $1 AND kind = 'duress'), '')`, id.String()).Scan(&h.support, &h.duress)
	return h, err
}

// fits compares a phrase with a hash, or works as hard where there is none.
func (d *Desk) fits(ctx context.Context, hash string, said rekey.Secret) (bool, error) {
	select {
	case d.hashing <- struct{}{}:
		defer func() { <-d.hashing }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	if hash == "" {
		_, err := d.opt.Argon.Hash(said, d.opt.Rand)
		return false, err
	}
	return argon.Fits(hash, said)
}

// holdForDuress makes the case one for a supervisor, without a word to its agent.
func (d *Desk) holdForDuress(ctx context.Context, tx *sql.Tx, c *Case) error {
	if _, err := tx.ExecContext(ctx, `UPDATE cases SET duress = 1 WHERE number = $1`, c.Number); err != nil {
		return err
	}
	return d.raiseIn(ctx, tx, "duress", fmt.Sprintf("%s %d", c.DeviceID, c.Number), "the owner's duress word was said: the case is held, and its agent is not told why", c.Number)
}
