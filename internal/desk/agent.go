package desk

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
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
		hash, err := d.opt.Argon.hash(password, d.opt.Rand)
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

// Agents lists the agents by name.
func (d *Desk) Agents(ctx context.Context, who Agent) (agents []Agent, err error) {
	err = d.perform(ctx, who, ActAgentList, target{object: "agents"}, func() error {
		return d.db.Read(ctx, func(tx *sql.Tx) (err error) {
			agents, err = store.All(ctx, tx, func(scan store.Scan) (a Agent, err error) {
				return a, scan(&a.Name, &a.Role)
			}, `SELECT name, role FROM agents ORDER BY name`)
			return err
		})
	})
	return agents, err
}

// agent is the agent of that name and the hash of their password.
func (d *Desk) agent(ctx context.Context, name string) (a Agent, hash string, err error) {
	err = d.db.Read(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT name, role, password FROM agents WHERE name = $1`, name).Scan(&a.Name, &a.Role, &hash)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return Agent{}, "", fmt.Errorf("%w: no agent %q", rekey.ErrNotFound, name)
	}
	return a, hash, err
}
