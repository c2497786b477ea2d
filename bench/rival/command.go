package rival

import "context"

// Command is a process of a target that forwards nothing.
type Command struct{ *process }

// StartCommand starts a command in a place, with additions to the environment. What
// it prints goes to name.log in the place's folder. The error is ErrMissing.
func StartCommand(place Place, name string, environment []string, command ...string) (Command, error) {
	p, err := start(place, name, environment, command...)
	return Command{p}, err
}

// Answers waits until something listens at a TCP address. After an error nothing
// runs; what it printed is in it.
func (c Command) Answers(ctx context.Context, address string) error { return c.answers(ctx, address) }
