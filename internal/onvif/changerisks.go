package onvif

import (
	"context"
	"errors"

	"rekey"
)

// ChangeRisks looks for HTTPS.
func (s *session) ChangeRisks(ctx context.Context, _ bool) ([]rekey.Risk, error) {
	if s.main.http.At().TLS {
		return nil, nil
	}
	doors, err := s.Interfaces(ctx)
	if err != nil && !errors.Is(err, rekey.ErrUnsupported) {
		return nil, err
	}
	for _, d := range doors {
		if d.Kind == rekey.InterfaceONVIF && d.TLS {
			return nil, nil
		}
	}
	return []rekey.Risk{rekey.RiskClearPassword}, nil
}

var _ rekey.ChangeRisker = (*session)(nil)
