package probe

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
)

// client asks the vantage, which may take a while to connect to us.
func (p *Prober) client() *http.Client {
	if p.HTTP != nil {
		return p.HTTP
	}
	return &http.Client{Timeout: p.patience() + dialPatience, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: p.Roots, MinVersion: tls.VersionTLS12},
	}}
}

// challenge asks the vantage for leave to be knocked at.
func (p *Prober) challenge(ctx context.Context, vantage string) (reply challengeReply, err error) {
	body, err := p.roundTrip(ctx, http.MethodGet, vantage, nil)
	if err != nil {
		return reply, err
	}
	if err := json.Unmarshal(body, &reply); err != nil || reply.Challenge == "" || !reply.Address.IsValid() {
		return reply, errors.New("what answers there is no vantage")
	}
	reply.Address = reply.Address.Unmap()
	return reply, nil
}

// knocks says whether the vantage can do so by a network.
func (r challengeReply) knocks(network string) bool {
	return network == "udp" || slices.Contains(r.Networks, network)
}

// knock has the vantage do so and gives its word about it, "" by UDP.
func (p *Prober) knock(ctx context.Context, vantage string, request knockRequest) (outcome string, err error) {
	body, err := json.Marshal(request)
	if err != nil {
		return "", err
	}
	answer, err := p.roundTrip(ctx, http.MethodPost, vantage, body)
	if err != nil || len(answer) == 0 {
		return "", err
	}
	var reply knockReply
	if json.Unmarshal(answer, &reply) != nil {
		return "", errors.New("what answers there is no vantage")
	}
	return reply.Outcome, nil
}

func (p *Prober) roundTrip(ctx context.Context, method, url string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := p.client().Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, mostBody))
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusNoContent {
		return nil, fmt.Errorf("the vantage answered %d: %s", response.StatusCode, printable(string(text)))
	}
	return text, nil
}
