package staff

import (
	"context"
	"database/sql"
	"errors"
	"net/mail"
	"slices"
	"strings"
	"unicode/utf8"

	"rekey"
	"rekey/internal/store"
)

const nameLetters = "abcdefghijklmnopqrstuvwxyz0123456789._-"

// reserved are the names in the security log that are no agent's.
func reserved() []string { return []string{"operator", "owner", "desk"} }

// CheckName takes the names of agents and of keys. The error wraps rekey.ErrInput.
func CheckName(name string) error {
	if name == "" || len(name) > 40 || strings.Trim(name, nameLetters) != "" {
		return refuse(rekey.ErrInput, "name %q: expected 1 to 40 of a-z, 0-9, dot, dash and underscore", clip(name))
	}
	if slices.Contains(reserved(), name) {
		return refuse(rekey.ErrInput, "the name %q is reserved; choose another", name)
	}
	return nil
}

// ParseRole reads a role that an agent can be given. The error wraps rekey.ErrInput.
func ParseRole(text string) (Role, error) {
	if role := Role(text); slices.Contains(Roles(), role) {
		return role, nil
	}
	return "", refuse(rekey.ErrInput, "role %q: expected agent, approver, supervisor, auditor or administrator", clip(text))
}

// Add makes an agent, who has no passkey yet: see Invite. Errors wrap
// rekey.ErrInput or rekey.ErrConflict.
func (s *Staff) Add(ctx context.Context, name string, role Role) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if _, err := ParseRole(string(role)); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO agents (name, role, added_at) VALUES ($1, $2, $3)`, name, role, store.Micros(s.now()))
		if store.IsDuplicate(err) {
			return refuse(rekey.ErrConflict, "there is an agent %q already", name)
		}
		return err
	})
}

// SetRole, Disable, Enable and SetSSO change an agent; all end the agent's sessions at once,
// also at other processes. The error wraps rekey.ErrNotFound.
func (s *Staff) SetRole(ctx context.Context, name string, role Role) (Agent, error) {
	if _, err := ParseRole(string(role)); err != nil {
		return Agent{}, err
	}
	return s.change(ctx, name, `UPDATE agents SET role = $1, epoch = epoch + 1 WHERE name = $2`, role)
}

// Disable takes an agent's rights away; a link that they have not used yet is worth nothing then.
func (s *Staff) Disable(ctx context.Context, name string) (Agent, error) {
	return s.change(ctx, name, `UPDATE agents SET disabled_at = $1, epoch = epoch + 1 WHERE name = $2`, store.Micros(s.now()))
}

// Enable gives them back.
func (s *Staff) Enable(ctx context.Context, name string) (Agent, error) {
	return s.change(ctx, name, `UPDATE agents SET disabled_at = $1, epoch = epoch + 1 WHERE name = $2`, 0)
}

// SetSSO says who an agent is at the identity provider; empty = nobody. Errors
// wrap rekey.ErrNotFound, rekey.ErrInput, or rekey.ErrConflict where somebody
// else has that address.
func (s *Staff) SetSSO(ctx context.Context, name, email string) (Agent, error) {
	email, err := checkEmail(email)
	if err != nil {
		return Agent{}, err
	}
	return s.change(ctx, name, `UPDATE agents SET sso = $1, epoch = epoch + 1 WHERE name = $2`, email)
}

// checkEmail takes an address as identity providers tell it, and makes it comparable.
func checkEmail(email string) (string, error) {
	if email == "" {
		return "", nil
	}
	a, err := mail.ParseAddress(email)
	ascii := !strings.ContainsFunc(email, func(r rune) bool { return r >= utf8.RuneSelf }) // letters that look alike are two
	if err != nil || a.Address != email || len(email) > 254 || !ascii {
		return "", refuse(rekey.ErrInput, "e-mail address %q: expected such as ann@example.com", clip(email))
	}
	return strings.ToLower(email), nil
}

// change runs a statement with the parameters value and name. The epoch of the
// agent's sessions rises with it, which every request looks at.
func (s *Staff) change(ctx context.Context, name, update string, value any) (Agent, error) {
	var row agentRow
	err := s.db.Tx(ctx, func(tx *sql.Tx) (err error) {
		if _, err = tx.ExecContext(ctx, update, value, name); store.IsDuplicate(err) {
			return refuse(rekey.ErrConflict, "another agent is that already at the identity provider")
		}
		if err != nil {
			return err
		}
		if row, err = readAgent(ctx, tx, name); err != nil || row.DisabledAt.IsZero() {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM invitations WHERE agent = $1`, name)
		return err
	})
	if err == nil {
		s.endSessions(name)
	}
	return row.Agent, err
}

// Agent is the agent of a name. The error wraps rekey.ErrNotFound.
func (s *Staff) Agent(ctx context.Context, name string) (Agent, error) {
	row, err := s.agent(ctx, name)
	return row.Agent, err
}

// Agents lists the agents by name.
func (s *Staff) Agents(ctx context.Context) (agents []Agent, err error) {
	err = s.db.Read(ctx, func(tx *sql.Tx) (err error) {
		agents, err = store.All(ctx, tx, func(scan store.Scan) (Agent, error) {
			row, err := scanAgent(scan)
			return row.Agent, err
		}, agentQuery+` ORDER BY name`)
		return err
	})
	return agents, err
}

// agentRow is an agent with the epoch that their sessions must have.
type agentRow struct {
	Agent
	epoch int64
}

const agentQuery = `SELECT name, role, disabled_at, added_at, sso, epoch,
	(SELECT COUNT(*) FROM passkeys WHERE passkeys.agent = agents.name) FROM agents`

func scanAgent(scan store.Scan) (row agentRow, err error) {
	var disabled, added int64
	err = scan(&row.Name, &row.Role, &disabled, &added, &row.SSO, &row.epoch, &row.Passkeys)
	row.DisabledAt, row.AddedAt = store.Time(disabled), store.Time(added)
	return row, err
}

func (s *Staff) agent(ctx context.Context, name string) (row agentRow, err error) {
	err = s.db.Read(ctx, func(tx *sql.Tx) error {
		row, err = readAgent(ctx, tx, name)
		return err
	})
	return row, err
}

func readAgent(ctx context.Context, tx *sql.Tx, name string) (agentRow, error) {
	row, err := scanAgent(tx.QueryRowContext(ctx, agentQuery+` WHERE name = $1`, name).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return agentRow{}, refuse(rekey.ErrNotFound, "there is no agent %q", clip(name))
	}
	return row, err
}
