package desk

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"rekey"
	"rekey/internal/store"
)

// Dealer is a vetted account of a dealer or installer.
type Dealer struct {
	Name    string    `json:"name"` // of the account, such as alarm-smith
	Company string    `json:"company"`
	Phone   string    `json:"phone"` // registered number
	Until   time.Time `json:"until"` // the vetting counts until then
	EndedAt time.Time `json:"ended_at,omitzero"`
}

// counts reports whether the vetting counts now.
func (d Dealer) counts(now time.Time) bool { return d.EndedAt.IsZero() && now.Before(d.Until) }

const maxDealer = 100

func (d Dealer) check(now time.Time) (Dealer, error) {
	for _, text := range []*string{&d.Name, &d.Company} {
		*text = strings.TrimSpace(*text)
		if n := utf8.RuneCountInString(*text); n < 2 || n > maxDealer || !printable(*text) {
			return d, refuse(rekey.ErrInput, "a dealer's name and company: expected 2 to %d printable characters each", maxDealer)
		}
	}
	phone, err := parseCaller(d.Phone)
	switch {
	case err != nil:
		return d, err
	case phone == Withheld:
		return d, refuse(rekey.ErrInput, "a dealer needs a registered telephone number")
	case !now.Before(d.Until):
		return d, refuse(rekey.ErrInput, "a dealer's vetting needs an end in the future")
	}
	d.Phone = phone
	return d, nil
}

// AddDealer registers a vetted dealer, or renews the vetting. The proof is begun for the name.
func (d *Desk) AddDealer(ctx context.Context, who Agent, dealer Dealer, proof StepUp) error {
	bound := dealer.Name
	dealer, err := dealer.check(d.now())
	if err != nil {
		return d.unusable(ctx, who, ActDealerAdd, target{object: "dealer"}, err)
	}
	t := target{object: dealer.Name, detail: map[string]string{"until": dealer.Until.UTC().Format(time.RFC3339)}, bound: bound, proof: proof}
	return d.perform(ctx, who, ActDealerAdd, t, func() error {
		return d.db.Tx(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `INSERT INTO dealers (name, company, phone, until, ended_at) VALUES ($1, $2, $3, $4, 0)
				ON CONFLICT (name) DO UPDATE SET company = excluded.company, phone = excluded.phone, until = excluded.until, ended_at = 0`,
				dealer.Name, dealer.Company, dealer.Phone, store.Micros(dealer.Until))
			return err
		})
	})
}

// EndDealer ends a dealer's account: their open cases lead to no answer from now on.
func (d *Desk) EndDealer(ctx context.Context, who Agent, name string) error {
	return d.perform(ctx, who, ActDealerEnd, target{object: name}, func() error {
		return d.db.Tx(ctx, func(tx *sql.Tx) error {
			dealer, err := readDealer(ctx, tx, name)
			if err != nil || !dealer.EndedAt.IsZero() {
				return err
			}
			_, err = tx.ExecContext(ctx, `UPDATE dealers SET ended_at = $1 WHERE name = $2`, store.Micros(d.now()), name)
			return err
		})
	})
}

// Dealers lists the dealers by name.
func (d *Desk) Dealers(ctx context.Context, who Agent) (all []Dealer, err error) {
	err = d.perform(ctx, who, ActDealerList, target{object: "dealers"}, func() error {
		return d.db.Read(ctx, func(tx *sql.Tx) (err error) {
			all, err = store.All(ctx, tx, scanDealer, `SELECT `+dealerColumns+` FROM dealers ORDER BY name LIMIT $1`, mostFound)
			return err
		})
	})
	return all, err
}

const dealerColumns = `name, company, phone, until, ended_at`

func scanDealer(scan store.Scan) (dealer Dealer, err error) {
	var until, ended int64
	err = scan(&dealer.Name, &dealer.Company, &dealer.Phone, &until, &ended)
	dealer.Until, dealer.EndedAt = store.Time(until), store.Time(ended)
	return dealer, err
}

func readDealer(ctx context.Context, tx *sql.Tx, name string) (Dealer, error) {
	dealer, err := scanDealer(tx.QueryRowContext(ctx, `SELECT `+dealerColumns+` FROM dealers WHERE name = $1`, name).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return dealer, refuse(rekey.ErrNotFound, "the desk has no dealer %q", clip(name))
	}
	return dealer, err
}
