package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"k8s.io/client-go/rest"
)

// startTimeout is generous: a start takes a few seconds, and a machine that builds beside it more.
const startTimeout = 90 * time.Second

// answer is one line on standard output: what `up` says of itself and of each command it was sent.
type answer struct {
	Kubeconfig string `json:"kubeconfig,omitempty"`
	Cleaned    int    `json:"cleaned"`
	Error      string `json:"error,omitempty"`
}

// up runs a whole control plane until its standard input ends, and leaves no file behind.
//
// The only command it takes is the line `clean`, which removes every object made since the start.
func up(args []string) int {
	settings := settings{}
	flags := flag.NewFlagSet("up", flag.ExitOnError)
	flags.StringVar(&settings.dir, "dir", "", "an empty directory; it is removed at the end")
	flags.StringVar(&settings.minor, "minor", "", "the minor version to emulate, 1.36")
	flags.StringVar(&settings.gates, "gates", "", "feature gates: A=true,B=false")
	flags.StringVar(&settings.apis, "apis", "", "the API server's --runtime-config")
	flags.StringVar(&settings.admission, "admission", "", "admission plugins to enable besides the default ones")
	_ = flags.Parse(args)

	out := json.NewEncoder(os.Stdout)
	defer os.RemoveAll(settings.dir)
	rest.SetDefaultWarningHandler(rest.NoWarnings{})
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	commands := make(chan string)
	go readCommands(commands)

	plane, err := start(ctx, settings, commands)
	defer plane.stop()
	if err != nil {
		_ = out.Encode(answer{Error: err.Error()})
		return 1
	}
	_ = out.Encode(answer{Kubeconfig: plane.kubeconfig})
	for {
		select {
		case command, open := <-commands:
			if !open {
				return 0
			}
			reply := answer{}
			if command != "clean" {
				reply.Error = fmt.Sprintf("no command is called %q", command)
			} else if reply.Cleaned, err = plane.cleaner.clean(ctx); err != nil {
				reply.Error = err.Error()
			}
			_ = out.Encode(reply)
		case err := <-plane.died:
			_ = out.Encode(answer{Error: err.Error()})
			return 1
		case <-ctx.Done():
			return 0
		}
	}
}

func readCommands(commands chan<- string) {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		commands <- strings.TrimSpace(lines.Text())
	}
	close(commands)
}

type plane struct {
	kubeconfig string
	cleaner    *cleaner
	parts      []io.Closer
	died       chan error
	cancel     context.CancelFunc
}

// start brings the parts up in order; what was started is in the plane also when it fails.
func start(parent context.Context, s settings, commands <-chan string) (*plane, error) {
	ctx, cancel := context.WithCancel(parent)
	p := &plane{died: make(chan error, 4), cancel: cancel}
	deadline, done := context.WithTimeoutCause(ctx, startTimeout, errors.New("the control plane was not ready in time"))
	defer done()
	// Nobody sends a command before the first answer, so what comes now is the end of the input.
	go func() {
		select {
		case <-commands:
			cancel()
		case <-deadline.Done():
		}
	}()

	files, err := prepare(s)
	if err != nil {
		return p, err
	}
	p.kubeconfig = files.admin
	for _, name := range []string{"etcd", "apiserver"} {
		if err := p.run(s.dir, name, files.arguments(s, name)); err != nil {
			return p, err
		}
	}
	config := files.client()
	if err := p.wait(deadline, s.dir, func() bool { return isReady(deadline, config) }); err != nil {
		return p, err
	}
	for _, name := range []string{"controller-manager", "scheduler"} {
		// The scheduler reads resource.k8s.io/v1 and waits for ever where that is not served.
		if name == "scheduler" && s.minor == "1.33" {
			continue
		}
		if err := p.run(s.dir, name, files.arguments(s, name)); err != nil {
			return p, err
		}
	}
	if p.cleaner, err = newCleaner(config); err != nil {
		return p, err
	}
	if err := p.wait(deadline, s.dir, func() bool { return p.cleaner.isPopulated(deadline) }); err != nil {
		return p, err
	}
	if err := p.cleaner.remember(deadline); err != nil {
		return p, err
	}
	return p, standInForKubelets(ctx, config)
}

// wait polls until ready says so, a part has died, or the time is over.
func (p *plane) wait(ctx context.Context, dir string, ready func() bool) error {
	for !ready() {
		select {
		case err := <-p.died:
			return err
		case <-ctx.Done():
			return fmt.Errorf("%w\n%s", context.Cause(ctx), tail(filepath.Join(dir, "apiserver.log")))
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

func (p *plane) stop() {
	p.cancel()
	for _, part := range p.parts {
		_ = part.Close()
	}
}

func isReady(ctx context.Context, config *rest.Config) bool {
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return false
	}
	response, err := client.Get(config.Host + "/readyz")
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == 200
}
