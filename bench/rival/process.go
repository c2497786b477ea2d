package rival

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// farewell is how long a process may take to end when it is asked to.
const farewell = 3 * time.Second

// process is a command that runs.
type process struct {
	name  string
	cmd   *exec.Cmd
	log   string
	ended chan struct{}
	err   error // set before ended is closed
}

// start runs a command in a place, with additions to the environment. What it
// prints goes to a file.
func start(place Place, name string, environment []string, command ...string) (*process, error) {
	log := filepath.Join(place.Folder, name+".log")
	output, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer output.Close()
	line := append(append([]string(nil), place.Prefix...), command...)
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Env = append(os.Environ(), environment...)
	cmd.Stdout, cmd.Stderr = output, output
	cmd.SysProcAttr = bound()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrMissing, name, err)
	}
	p := &process{name: name, cmd: cmd, log: log, ended: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// PID is the process's number.
func (p *process) PID() int { return p.cmd.Process.Pid }

// answers waits until something listens at a TCP address.
func (p *process) answers(ctx context.Context, address string) error {
	for {
		connection, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", address)
		if err == nil {
			return connection.Close()
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%w: %w", ErrMissing, p.fault())
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%s does not answer at %s", p.name, address), ctx.Err(), p.Stop())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Stop ends the process and waits for it.
func (p *process) Stop() error {
	select {
	case <-p.ended:
		return p.fault()
	default:
	}
	signal(p.PID(), syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(farewell):
		signal(p.PID(), syscall.SIGKILL)
		<-p.ended
	}
	return nil
}

// fault says how a process ended by itself, and the last it printed.
func (p *process) fault() error {
	const lines = 5
	text, _ := os.ReadFile(p.log)
	all := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return fmt.Errorf("%s ended (%v): %s", p.name, p.err, bytes.Join(all[max(len(all)-lines, 0):], []byte("; ")))
}
