package hikvision

import (
	"context"

	"rekey"
)

// ChangeRisks looks for HTTPS.
func (s *session) ChangeRisks(ctx context.Context, _ bool) ([]rekey.Risk, error) {
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
