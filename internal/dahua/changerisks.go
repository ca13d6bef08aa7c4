package dahua

import (
	"context"

	"rekey"
)

// ChangeRisks looks for the envelope, which carries one's own password, and for
// HTTPS.
func (s *session) ChangeRisks(ctx context.Context, own bool) ([]rekey.Risk, error) {
	if own && s.rpc != nil {
		if _, err := s.rpc.encryptInfo(ctx); !lacks(err) {
			return nil, err
		}
	}
	if s.at.TLS {
		return nil, nil
	}
	_, found, err := s.secureDoor(ctx)
	if err != nil || found {
		return nil, err
	}
	return []rekey.Risk{rekey.RiskClearPassword}, nil
}

var _ rekey.ChangeRisker = (*session)(nil)
