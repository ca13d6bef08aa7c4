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

// Roles are the roles that an agent can be given.
func Roles() []Role {
	return []Role{RoleAgent, RoleApprover, RoleSupervisor, RoleAuditor, RoleAdministrator}
}

// ParseRole reads a role that an agent can be given.
func ParseRole(s string) (Role, error) {
	if role := Role(s); slices.Contains(Roles(), role) {
		return role, nil
	}
	return "", refuse(rekey.ErrInput, "role %q: expected agent, approver, supervisor, auditor or administrator", s)
}

const nameLetters = "abcdefghijklmnopqrstuvwxyz0123456789._-"

func checkName(name string) error {
	if name == "" || len(name) > 40 || strings.Trim(name, nameLetters) != "" {
		return refuse(rekey.ErrInput, "agent name %q: expected 1 to 40 of a-z, 0-9, dot, dash and underscore", name)
	}
	if name == operatorName {
		return refuse(rekey.ErrInput, "agent name %q is reserved for the operator of the desk's machine", name)
	}
	return nil
}

// AddAgent makes a new agent.
func (d *Desk) AddAgent(ctx context.Context, who Agent, name string, role Role, password rekey.Secret) error {
	return d.perform(ctx, who, ActAgentAdd, target{object: name, detail: map[string]string{"role": string(role)}}, func() error {
		if err := errors.Join(checkName(name), checkPassword(name, password)); err != nil {
			return err
		}
		if _, err := ParseRole(string(role)); err != nil {
			return err
		}
		hash, err := d.opt.Argon.Hash(password, d.opt.Rand)
		if err != nil {
			return err
		}
		return d.db.Tx(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `INSERT INTO agents (name, role, password, added_at) VALUES ($1, $2, $3, $4)`,
				name, role, hash, store.Micros(d.now()))
			if store.IsDuplicate(err) {
				return refuse(rekey.ErrConflict, "there is an agent %q already", name)
			}
			return err
		})
	})
}

// DisableAgent takes an agent's rights away: they cannot log in, and their
// sessions are over at once, also at another process that serves this desk.
// What they did stays.
func (d *Desk) DisableAgent(ctx context.Context, who Agent, name string) (Agent, error) {
	return d.changeAgent(ctx, who, ActAgentDisable, name, `disabled_at = $1`, func() (any, error) {
		return store.Micros(d.now()), nil
	})
}

// EnableAgent lets a disabled agent log in again, with the password they had.
func (d *Desk) EnableAgent(ctx context.Context, who Agent, name string) (Agent, error) {
	return d.changeAgent(ctx, who, ActAgentEnable, name, `disabled_at = $1`, func() (any, error) { return 0, nil })
}

// SetAgentPassword gives an agent a new password and ends the sessions that
// they have with the old one.
func (d *Desk) SetAgentPassword(ctx context.Context, who Agent, name string, password rekey.Secret) (Agent, error) {
	return d.changeAgent(ctx, who, ActAgentPassword, name, `password = $1`, func() (any, error) {
		if err := checkPassword(name, password); err != nil {
			return nil, err
		}
		return d.opt.Argon.Hash(password, d.opt.Rand)
	})
}

// changeAgent sets one column of an agent. The epoch of their sessions rises
// with it, which every request looks at.
func (d *Desk) changeAgent(ctx context.Context, who Agent, act Act, name, set string, value func() (any, error)) (a Agent, err error) {
	err = d.perform(ctx, who, act, target{object: name}, func() error {
		v, err := value()
		if err != nil {
			return err
		}
		err = d.db.Tx(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `UPDATE agents SET `+set+`, epoch = epoch + 1 WHERE name = $2`, v, name) //nolint:gosec // set is one of three of ours
			if err != nil {
				return err
			}
			a, _, err = readAgent(ctx, tx, name)
			return err
		})
		if err == nil {
			d.sessions.EndWhere(func(s session) bool { return s.name == name })
		}
		return err
	})
	return a, err
}

// Agents lists the agents by name.
func (d *Desk) Agents(ctx context.Context, who Agent) (agents []Agent, err error) {
	err = d.perform(ctx, who, ActAgentList, target{object: "agents"}, func() error {
		return d.db.Read(ctx, func(tx *sql.Tx) (err error) {
			agents, err = store.All(ctx, tx, func(scan store.Scan) (a Agent, err error) {
				a, _, err = scanAgent(scan)
				return a, err
			}, `SELECT `+agentColumns+` FROM agents ORDER BY name`)
			return err
		})
	})
	return agents, err
}

// agent is the agent of that name and the hash of their password. The error
// wraps rekey.ErrNotFound.
func (d *Desk) agent(ctx context.Context, name string) (a Agent, hash string, err error) {
	err = d.db.Read(ctx, func(tx *sql.Tx) error {
		a, hash, err = readAgent(ctx, tx, name)
		return err
	})
	return a, hash, err
}

const agentColumns = `name, role, password, disabled_at, epoch`

func scanAgent(scan store.Scan) (a Agent, hash string, err error) {
	var disabled int64
	err = scan(&a.Name, &a.Role, &hash, &disabled, &a.epoch)
	a.DisabledAt = store.Time(disabled)
	return a, hash, err
}

func readAgent(ctx context.Context, tx *sql.Tx, name string) (Agent, string, error) {
	a, hash, err := scanAgent(tx.QueryRowContext(ctx, `SELECT `+agentColumns+` FROM agents WHERE name = $1`, name).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return Agent{}, "", refuse(rekey.ErrNotFound, "there is no agent %q", clip(name))
	}
	return a, hash, err
}
