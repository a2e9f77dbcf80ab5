// Command ask answers questions with the code that Kubernetes itself answers them by.
//
// One JSON object per line comes in on standard input, one goes out on standard output: either
// {"result": ...} or {"error": "..."}, the latter when the question itself makes no sense.
// A process speaks for one minor version and one set of feature gates.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

// question gives the arguments of one operation; strict is its own, so a misspelt field is an error.
type question struct {
	Op   string          `json:"op"`
	With json.RawMessage `json:"with"`
}

type answer struct {
	Result any    `json:"result,omitempty"`
	Error  string `json:"error,omitempty"`
}

func main() {
	minor := flag.String("minor", "", "the minor version to speak for, 1.37")
	gates := flag.String("gates", "", "feature gates: A=true,B=false")
	flag.Parse()
	kubernetes, err := newKubernetes(*minor, *gates)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	out := json.NewEncoder(os.Stdout)
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			return
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		reply := answer{}
		if reply.Result, err = kubernetes.answer(context.Background(), line); err != nil {
			reply = answer{Error: err.Error()}
		}
		if err := out.Encode(reply); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func (k *kubernetes) answer(ctx context.Context, line []byte) (reply any, err error) {
	defer func() {
		// Kubernetes trusts what its API server has validated, and a question may be anything.
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("panic: %v", panicked)
		}
	}()
	asked := question{}
	if err := decode(line, &asked); err != nil {
		return nil, err
	}
	switch asked.Op {
	case "compile":
		return with(asked, func(q compileQuestion) (any, error) { return k.compile(ctx, q), nil })
	case "allocate":
		return with(asked, func(q allocateQuestion) (any, error) { return k.allocate(ctx, q) })
	case "convert":
		return with(asked, convert)
	case "nodeaffinity":
		return with(asked, nodeAffinity)
	case "tolerates":
		return with(asked, tolerates)
	case "toleratesdevice":
		return with(asked, toleratesDevice)
	}
	return nil, fmt.Errorf("no operation is called %q", asked.Op)
}

// with hands an operation its arguments.
func with[Q any](asked question, operation func(Q) (any, error)) (any, error) {
	var arguments Q
	if err := decode(asked.With, &arguments); err != nil {
		return nil, fmt.Errorf("%s: %w", asked.Op, err)
	}
	return operation(arguments)
}

func decode(text []byte, into any) error {
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}
