// Command controlplane is a Kubernetes control plane for tests: its first argument chooses the part.
//
// Every part reads its standard input and exits when that ends, so that a part cannot outlive the
// process which started it, however that process died.
package main

import (
	"fmt"
	"io"
	"net/url"
	"os"

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: controlplane up|etcd|apiserver|scheduler|controller-manager [flags]")
		os.Exit(2)
	}
	part := os.Args[1]
	// The commands of Kubernetes look at os.Args themselves.
	os.Args = append([]string{part}, os.Args[2:]...)
	if part == "up" {
		os.Exit(up(os.Args[1:]))
	}
	go exitWithParent()
	switch part {
	case "etcd":
		os.Exit(etcd(os.Args[1], os.Args[2]))
	case "apiserver":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "scheduler":
		os.Exit(cli.Run(scheduler.NewSchedulerCommand()))
	case "controller-manager":
		os.Exit(cli.Run(controllermanager.NewControllerManagerCommand()))
	}
	fmt.Fprintf(os.Stderr, "no part is called %q\n", part)
	os.Exit(2)
}

// exitWithParent ends this process when its parent closes the pipe or dies; nothing here outlives
// a test, so there is nothing to bring to a tidy end.
func exitWithParent() {
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

func etcd(dir, address string) int {
	config := embed.NewConfig()
	client := url.URL{Scheme: "http", Host: address}
	// One member never talks to a peer; port 0 keeps that listener out of everybody's way.
	peer := url.URL{Scheme: "http", Host: "127.0.0.1:0"}
	config.Dir = dir
	config.LogLevel = "error"
	config.UnsafeNoFsync = true
	config.ListenClientUrls = []url.URL{client}
	config.AdvertiseClientUrls = []url.URL{client}
	config.ListenPeerUrls = []url.URL{peer}
	config.AdvertisePeerUrls = []url.URL{peer}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	server, err := embed.StartEtcd(config)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Fprintln(os.Stderr, <-server.Err())
	return 1
}
