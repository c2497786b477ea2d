package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"meshfocus/signalling/appservice"
)

// Exit codes, listed in `meshfocus --help`.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitUnreachable = 3
	exitRefused     = 4
	exitMedia       = 5
)

// streams is what a run may read and write, so that tests run in memory.
type streams struct {
	in       io.Reader
	out, err io.Writer
	environ  []string
}

// variable reads one environment variable, "" when it is not set.
func (s streams) variable(name string) string {
	for _, entry := range s.environ {
		if value, found := strings.CutPrefix(entry, name+"="); found {
			return value
		}
	}
	return ""
}

// failure is an error that decides the exit code.
type failure struct {
	code int
	err  error
}

func (f failure) Error() string { return f.err.Error() }
func (f failure) Unwrap() error { return f.err }

// run executes one command line and answers the exit code. Errors are one
// line on the error stream.
func run(ctx context.Context, args []string, std streams) int {
	root := newRoot(std)
	root.SetArgs(args)
	root.SetIn(std.in)
	root.SetOut(std.out)
	root.SetErr(std.err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintln(std.err, "meshfocus: "+line)
	}
	var f failure
	if errors.As(err, &f) {
		return f.code
	}
	return exitFailed
}

func usage(format string, args ...any) error {
	return failure{exitUsage, fmt.Errorf(format, args...)}
}

func newRoot(std streams) *cobra.Command {
	serve := newServe(std)
	root := &cobra.Command{
		Use:   "meshfocus",
		Short: "Full-mesh Matrix calls: no SFU, no second service",
		Long: `meshfocus holds Matrix calls in which every device sends straight to every
other device. There is no media server to install: devices find each other
through member events in a room and negotiate by to-device messages.

Without a verb it serves: a call page for browsers, a lobby in which a test
card is on call, an embedded homeserver, and a status page that shows every
link live.`,
		Example: `  meshfocus                                      serve with defaults, all in memory
  meshfocus serve --data ./data                  the same, kept over restarts
  meshfocus serve --listen :8443 --self-signed   for phones in the same network
  meshfocus join --homeserver http://127.0.0.1:8008 --user @me:localhost \
      --password-file pw --publish talk.ivf --record out '#lobby:localhost'
  meshfocus config example > meshfocus.yaml      every setting, explained

Exit codes: 0 done · 1 failed · 2 wrong usage or configuration
            3 homeserver unreachable · 4 login or room refused · 5 media file unusable`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          serve.RunE,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage("%w; see `%s --help`", err, c.CommandPath())
	})
	root.PersistentFlags().String("config", "", "YAML file with settings (environment MESHFOCUS_CONFIG)")
	root.Flags().AddFlagSet(serve.Flags())
	root.AddCommand(serve, newJoin(std), newRing(std), newCalls(std), newConformance(std), newDoctor(std), newVantage(std), newRelay(std), newPlan(), newSnippet(std), newConfig(std), newVersion(std))
	root.Args = func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usage("unknown verb %q; verbs are serve, join, ring, calls, conformance, doctor, vantage, relay, plan, snippet, config, version, completion", args[0])
		}
		return nil
	}
	return root
}

// loadFor reads the configuration for a command: its --config and its flags.
func loadFor(c *cobra.Command, std streams) (loaded, error) {
	path, err := c.Flags().GetString("config")
	if err != nil {
		return loaded{}, err
	}
	if path == "" {
		path = std.variable("MESHFOCUS_CONFIG")
	}
	l, err := load(path, std.environ, c.Flags())
	if err != nil {
		return l, failure{exitUsage, err}
	}
	return l, nil
}

func newConfig(std streams) *cobra.Command {
	group := &cobra.Command{Use: "config", Short: "Show, check and explain the settings of serve",
		Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	group.AddCommand(
		&cobra.Command{Use: "print", Short: "Print what is in force and where each value came from; secrets are hidden", Args: cobra.NoArgs,
			RunE: func(c *cobra.Command, _ []string) error {
				l, err := loadFor(c, std)
				if err != nil {
					return err
				}
				return l.writeEffective(std.out)
			}},
		&cobra.Command{Use: "check", Short: "Say whether the settings are usable; exit code 2 when not", Args: cobra.NoArgs,
			RunE: func(c *cobra.Command, _ []string) error {
				if _, err := loadFor(c, std); err != nil {
					return err
				}
				_, err := fmt.Fprintln(std.out, "configuration is fine")
				return err
			}},
		&cobra.Command{Use: "registration", Short: "Print the registration of the application service, for the other homeserver's operator", Args: cobra.NoArgs,
			RunE: func(c *cobra.Command, _ []string) error {
				l, err := loadFor(c, std)
				if err != nil {
					return err
				}
				return writeRegistration(std.out, l.Appservice)
			}},
		&cobra.Command{Use: "example", Short: "Print a commented file with every setting and its default", Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error { return writeExample(std.out) }},
	)
	for _, verb := range group.Commands() {
		if verb.Name() != "example" {
			addFlags(verb.Flags())
		}
	}
	return group
}

// writeRegistration prints the YAML to load. Tokens that are not set are made
// up, with what to set them by here.
func writeRegistration(w io.Writer, c AppserviceConfig) error {
	note := ""
	complete := func(key string, token *string) {
		if *token == "" {
			*token = appservice.NewToken()
			note += fmt.Sprintf("# Set here: appservice.%s: %q\n", key, *token)
		}
	}
	complete("as_token", &c.ASToken)
	complete("hs_token", &c.HSToken)
	text, err := appservice.Registration(c.service())
	if err != nil {
		return usage("%w; set appservice.server_name", err)
	}
	_, err = fmt.Fprintf(w, "%s%s", note, text)
	return err
}

func newVersion(std streams) *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Print the version and how it was built", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(std.out, "meshfocus %s (%s, %s/%s)\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		}}
}

// version is the module version, or the commit when built from a checkout.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	revision, modified := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && len(s.Value) >= 12:
			revision = s.Value[:12]
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = "+changes"
		}
	}
	if revision != "" {
		return revision + modified
	}
	return strings.Trim(info.Main.Version, "()")
}

// newLogger makes the process's logger; everything else gets it handed in.
func newLogger(c LogConfig, w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		level = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// isTerminal reports whether w is a terminal that a person looks at.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
