using System.Net;
using System.Net.Sockets;
using Ssb.Conn.Cli.Remote;
using Ssb.Conn.Net;
using Ssb.Wire;

namespace Ssb.Conn.Cli.Pinging;

/// <summary>Goes the way to a peer, one step after the other, and says where it ends.</summary>
internal sealed class PingRun
{
    private const string IsItRunning = "Is the peer running, does it listen there, and does no firewall stand between?";

    // A peer that does not say what it can do may not answer what it does not know.
    private static readonly TimeSpan s_longestBlindPing = TimeSpan.FromSeconds(5);

    /// <summary>Who we are.</summary>
    public required KeyPair Keys { get; init; }

    /// <summary>Does nobody know us, so that a peer may not want us?</summary>
    public bool IsStranger { get; init; }

    public NetworkKey Network { get; init; } = NetworkKey.Main;

    /// <summary>How long all steps together may take.</summary>
    public required TimeSpan Timeout { get; init; }

    public required TimeProvider Time { get; init; }

    /// <summary>Finds the addresses of a name.</summary>
    public Func<string, CancellationToken, Task<IPAddress[]>> Resolve { get; init; } = Dns.GetHostAddressesAsync;

    /// <summary>Hears of each step when it is done.</summary>
    public required Action<PingStep> OnStep { get; init; }

    /// <summary>Goes one route.</summary>
    /// <returns>Did it lead to a peer that speaks?</returns>
    public async Task<bool> GoAsync(MultiserverRoute route)
    {
        using var patience = new CancellationTokenSource(Timeout, Time);
        CancellationToken cancellationToken = patience.Token;
        long start = Time.GetTimestamp();
        if (!Tell(ReadAddress(route)))
            return false;
        // The name of an onion route is for the proxy, and nobody else is asked.
        bool isResolvedHere = route is { HostKind: MultiserverHostKind.Dns, Transport: not "onion" };
        if (isResolvedHere && !Tell(await StepAsync("name", () => ResolveAsync(route.Host!, cancellationToken)))) // a kind of host has a host
            return false;

        Stream? stream = null;
        if (!Tell(await StepAsync(route.Transport == "net" ? "tcp" : route.Transport, async () =>
        {
            var how = new RouteOptions { Timeout = Timeout - Time.GetElapsedTime(start), Resolve = Resolve, TimeProvider = Time };
            stream = await Transport.OpenAsync(route, how, cancellationToken);
            return (PingOutcome.Ok, route.Path is { } path ? $"connected to {path}" : $"connected to {route.Host}:{route.Port}", null);
        }, route)))
        {
            return false;
        }

        RpcConnection? connection = null;
        if (!Tell(await StepAsync("handshake", async () =>
        {
            (connection, string detail) = await ShakeHandsAsync(stream!, route, cancellationToken); // it was opened
            return (PingOutcome.Ok, detail, null);
        }, route)))
        {
            await stream!.DisposeAsync();
            return false;
        }

        await using RpcConnection rpc = connection!; // it was made
        RpcManifest? manifest = null;
        if (!Tell(await StepAsync("muxrpc", async () =>
        {
            try
            {
                manifest = await rpc.GetManifestAsync(cancellationToken);
            }
            catch (RpcException e) when (e.Error == RpcError.Remote)
            {
                // It speaks muxrpc, and that is what was asked. Rooms let nobody read their manifest.
                return (PingOutcome.Absent, $"it does not tell what it can do: {e.Message.TrimEnd('.')}", null);
            }

            string conn = manifest.Procedures.ContainsKey("conn.why") ? ", CONN of Ssb.Conn" : manifest.Procedures.ContainsKey("conn.stage") ? ", CONN" : "";
            return (PingOutcome.Ok, $"a manifest of {manifest.Procedures.Count:N0} procedures{conn}", null);
        })))
        {
            return false;
        }

        PingStep ping = manifest is null ? await StepAsync("ping", () => PingBlindlyAsync(rpc, cancellationToken))
            : manifest.Procedures.ContainsKey("gossip.ping") ? await StepAsync("ping", () => PingAsync(rpc, cancellationToken))
            : new PingStep("ping", PingOutcome.Absent, TimeSpan.Zero, "it has no gossip.ping");
        return Tell(ping);
    }

    /// <summary>What can be said of an address that is none.</summary>
    public static PingStep NoAddress(string problem) =>
        new("address", PingOutcome.Failed, TimeSpan.Zero, problem.TrimEnd('.'), "An address looks like net:192.168.1.4:8008~shs:KEY.");

    /// <summary>Is it something to redeem? The seed that each invite of a rooms 1 server has is none.</summary>
    public static bool IsInvite(MultiserverRoute route) => route is { HasSeed: true, HasRoomSeed: false };

    /// <summary>What can be said where all steps went well.</summary>
    public static string Success(MultiserverRoute route) => IsInvite(route)
        ? "The peer is reachable. Whether the invite is good, only redeeming it shows."
        : "It works.";

    private bool Tell(PingStep step)
    {
        OnStep(step);
        return step.Outcome != PingOutcome.Failed;
    }

    private static PingStep ReadAddress(MultiserverRoute route)
    {
        if (Transport.ProblemOf(route) is { } problem)
            return NoAddress(problem);
        if (route.HasSeed && !route.HasRoomSeed && !IsSeed(route))
            return NoAddress("the seed of the invite is not 32 bytes in base64, and so no pub can have made it");
        return new PingStep("address", PingOutcome.Ok, TimeSpan.Zero, route.FeedId is { } key ? $"{(route.HasRoomSeed ? "the room " : route.HasSeed ? "an invite to " : "")}{key}" : "of whoever is there (noauth)");
    }

    private async Task<(PingOutcome, string, string?)> ResolveAsync(string host, CancellationToken cancellationToken)
    {
        IPAddress[] found = await Resolve(host, cancellationToken);
        return found.Length > 0
            ? (PingOutcome.Ok, $"{host} is {string.Join(", ", found.Take(4).Select(address => address.ToString()))}", null)
            : (PingOutcome.Failed, $"{host} has no address", "Is the name spelled right?");
    }

    private async Task<(RpcConnection Connection, string Detail)> ShakeHandsAsync(Stream stream, MultiserverRoute route, CancellationToken cancellationToken)
    {
        if (RemoteTarget.IsOpen(route))
            return (RpcConnection.Start(stream), "none on this route (noauth)");
        KeyPair? guest = GuestOf(route);
        try
        {
            var options = new HandshakeOptions { Network = Network, Deadline = Timeout, TimeProvider = Time };
            BoxStream box = await SecretHandshake.ConnectAsync(stream, guest ?? Keys, route.FeedId!.Value, options, cancellationToken); // the address was checked
            string us = guest is not null ? "as the guest of the invite" : IsStranger ? "as somebody made up for this" : $"as {Keys.Id}";
            return (RpcConnection.Start(box), $"it holds that key; we came {us}");
        }
        finally
        {
            guest?.Dispose();
        }
    }

    private async Task<(PingOutcome, string, string?)> PingBlindlyAsync(RpcConnection rpc, CancellationToken cancellationToken)
    {
        using var patience = new CancellationTokenSource(s_longestBlindPing, Time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
        try
        {
            return await PingAsync(rpc, both.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or RpcException { Error: RpcError.ConnectionClosed })
        {
            return (PingOutcome.Absent, e is RpcException ? "it answered gossip.ping by closing the connection" : "it does not answer gossip.ping", null);
        }
    }

    private static async Task<(PingOutcome, string, string?)> PingAsync(RpcConnection rpc, CancellationToken cancellationToken)
    {
        PingSample sample;
        try
        {
            sample = await GossipPing.MeasureAsync(rpc, cancellationToken);
        }
        catch (RpcException e) when (e.Error == RpcError.Remote)
        {
            return (PingOutcome.Absent, $"it does not let us: {e.Message.TrimEnd('.')}", null);
        }

        double skew = sample.Skew.TotalMilliseconds;
        string clock = Math.Abs(skew) < 1000 ? "clocks agree" : $"its clock is {Math.Abs(skew) / 1000:N1} s {(skew > 0 ? "ahead" : "behind")}";
        return (PingOutcome.Ok, $"round trip {Milliseconds(sample.RoundTrip)}, {clock}", null);
    }

    /// <summary>Does a step, and makes of what it throws what a person should know.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="step">What to do.</param>
    /// <param name="route">The route, for a step that goes over it below muxrpc.</param>
    private async Task<PingStep> StepAsync(string name, Func<Task<(PingOutcome Outcome, string Detail, string? Advice)>> step, MultiserverRoute? route = null)
    {
        long start = Time.GetTimestamp();
        (PingOutcome, string, string?) result;
        try
        {
            result = await step();
        }
        catch (OperationCanceledException)
        {
            result = (PingOutcome.Failed, $"no answer; {Durations.Short(Timeout)} were over", name == "handshake" ? "Something is there, but does it speak SSB?" : AdviceOf(route, null));
        }
        catch (HandshakeException e)
        {
            result = Failed(e, route);
        }
        catch (RpcException e)
        {
            result = e.Error == RpcError.ConnectionClosed
                ? (PingOutcome.Failed, "it closed the connection: it does not want us, or is full", Refusal(route))
                : (PingOutcome.Failed, $"it answered with an error: {e.Message.TrimEnd('.')}", "It may let nobody but people it knows call it.");
        }
        catch (Exception e) when (e is ConnectFailedException or SocketException or IOException)
        {
            result = Failed(e, route);
        }

        return new PingStep(name, result.Item1, Time.GetElapsedTime(start), result.Item2, result.Item3);
    }

    private (PingOutcome, string, string?) Failed(HandshakeException e, MultiserverRoute? route) => e.Failure switch
    {
        HandshakeFailure.WrongNetwork => (PingOutcome.Failed, "it is of another network, or no SSB peer", "Name its network with --network-key."),
        HandshakeFailure.Closed => (PingOutcome.Failed, "it hung up on our hello: it is of another network, is full, or is no SSB peer", "Name its network with --network-key, or try again in a while."),
        HandshakeFailure.WrongKey => (PingOutcome.Failed, "it does not hold the key in the address", "Ask for the address of today; the peer there is another one."),
        HandshakeFailure.Refused => (PingOutcome.Failed, "it hung up on our proof: it does not want us, or does not hold the key in the address", Refusal(route)),
        HandshakeFailure.WeakKey => (PingOutcome.Failed, "the key in the address, or its own, can be nobody's", "Ask for another address."),
        _ => (PingOutcome.Failed, "it did not finish the handshake in time", "Something is there, but does it speak SSB?"),
    };

    private string Refusal(MultiserverRoute? route) =>
        route is not null && IsInvite(route) ? "Ask for another invite: this one is not for whoever is there, or not good any more."
        : IsStranger ? "If it lets only people in whom it knows, say who you are with --secret FILE." : "Does it know you, and not block you?";

    // The network says it in the same words to `why` and `connect`.
    private static (PingOutcome, string, string?) Failed(Exception e, MultiserverRoute? route) => (
        PingOutcome.Failed,
        (e is ConnectFailedException || route is null ? e is ConnectFailedException ? e.Message : FailureText.Of(e) : FailureText.OfDial(e, route)).TrimEnd('.'),
        AdviceOf(route, (e.GetBaseException() as SocketException)?.SocketErrorCode));

    /// <summary>What a person may look after, which depends on what the route goes over: no firewall stands before a file.</summary>
    private static string AdviceOf(MultiserverRoute? route, SocketError? error) => (route?.Transport, error) switch
    {
        (_, SocketError.TryAgain or SocketError.NoRecovery) =>
            "Is this computer in a network, and its name server up? An address with an IP address in it needs none.",
        (_, SocketError.HostNotFound or SocketError.NoData) => "Is it spelled right, and does this computer find other names?",
        ("tunnel", _) => "Ask a running peer that is in the room: ssb-conn connect ADDRESS.",
        ("unix", SocketError.AccessDenied) => "Are you the user whose peer it is?",
        ("unix", _) => "Is the peer running, and is that its folder? It makes the file when it starts.",
        ("onion", SocketError.ConnectionRefused) => "Start Tor; routes to onion services go through it.",
        ("onion", _) => "Is Tor in its network, and the service up? The first connection may take a minute (--timeout 2m).",
        (_, SocketError.InvalidArgument) => "It is an address of one network only: 'ip address' (Linux) shows the cards of this computer.",
        (_, SocketError.HostUnreachable or SocketError.NetworkUnreachable or SocketError.NetworkDown or SocketError.HostDown) => "Is this computer in the same network?",
        ("net" or "ws" or "wss" or null, _) => IsItRunning,
        _ => "Routes that can be tried here are net, ws, wss, onion and unix.",
    };

    private static bool IsSeed(MultiserverRoute route)
    {
        using KeyPair? guest = GuestOf(route);
        return guest is not null;
    }

    /// <summary>Who an invite's guest is: the key pair of its seed. Null if there is none, or it is no seed.</summary>
    private static KeyPair? GuestOf(MultiserverRoute route)
    {
        if (!route.HasSeed || route.HasRoomSeed || route.Protocols[1].Data is not [_, var seed, ..]) // the address was checked: its second part is `shs`
            return null;
        Span<byte> bytes = stackalloc byte[KeyPair.SeedSize];
        return Convert.TryFromBase64String(seed, bytes, out int length) && length == bytes.Length ? KeyPair.FromSeed(bytes) : null;
    }

    /// <summary>A duration for people.</summary>
    public static string Milliseconds(TimeSpan time) => time.TotalMilliseconds < 100 ? $"{time.TotalMilliseconds:0.0} ms" : $"{time.TotalMilliseconds:N0} ms";
}
