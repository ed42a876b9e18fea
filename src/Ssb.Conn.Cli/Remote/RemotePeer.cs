using System.Runtime.CompilerServices;
using Ssb.Conn.Cli.View;
using Ssb.Conn.Net;
using Ssb.Wire;

namespace Ssb.Conn.Cli.Remote;

/// <summary>A connection with a running peer, ours or JavaScript, that is asked and told things by the commands.</summary>
internal sealed class RemotePeer : IAsyncDisposable
{
    // Each item of a list is the whole list. One that waits is out of date, and holds as much memory as the newest: the peer, which is not
    // read meanwhile, skips to that.
    private static readonly RpcOptions s_bounds = new()
    {
        WindowFrames = 16,
        WindowBytes = 256 * 1024,
        MaxHeldBytes = 16 * 1024 * 1024,
        ReserveBytes = 1024 * 1024,
        ReserveFolder = null,
    };

    private const int ShortPlace = 40;

    private readonly RpcConnection _rpc;
    private readonly RpcManifest _manifest;

    private RemotePeer(RpcConnection rpc, RpcManifest manifest, string where) => (_rpc, _manifest, Where) = (rpc, manifest, where);

    /// <summary>The route that led to it, without a secret.</summary>
    public string Where { get; }

    /// <summary>Ends when the connection does, and says how.</summary>
    public Task<RpcEnd> Completion => _rpc.Completion;

    /// <summary>Finds it, proves who we are, and asks what it can do.</summary>
    /// <exception cref="FailedException">It is not there, does not want us, or speaks something else.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static async Task<RemotePeer> AttachAsync(RemoteTarget target, CancellationToken cancellationToken)
    {
        var failures = new List<string>();
        foreach (MultiserverRoute route in target.Routes)
        {
            RpcConnection rpc;
            try
            {
                rpc = await ConnectAsync(route, target, cancellationToken);
            }
            catch (Exception e) when (e is ConnectFailedException or HandshakeException or IOException)
            {
                failures.Add($"{route}: {Sentence(e is IOException and not HandshakeException ? FailureText.OfDial(e, route) : e.Message)}");
                continue;
            }

            try
            {
                return new RemotePeer(rpc, await rpc.GetManifestAsync(cancellationToken), route.ToString());
            }
            catch (Exception e)
            {
                await rpc.DisposeAsync();
                if (e is RpcException { Error: RpcError.ConnectionClosed })
                {
                    throw new FailedException(
                        $"the peer at {TerminalText.Elide(route.ToString(), ShortPlace)} closed the connection at once: it is full, or does not want us, or is shutting down; try again in a while", e);
                }

                if (e is RpcException)
                    throw new FailedException($"what answers at {route} does not say what it can do, as SSB peers do: {Sentence(e.Message)}", e);
                throw;
            }
        }

        throw new FailedException($"no SSB peer answers at {target.Name}; is it running? ({string.Join("; ", failures)})");
    }

    /// <summary>Does it have this procedure?</summary>
    public bool Has(string procedure) => _manifest.Procedures.ContainsKey(procedure);

    /// <exception cref="FailedException">It has no such procedure.</exception>
    public void Require(string procedure)
    {
        if (Has(procedure))
            return;
        throw new FailedException(Has("conn.stage")
            ? $"the peer at {Where} does not have {procedure}: it is not one of Ssb.Conn, such as 'ssb-conn start' runs"
            : $"the peer at {Where} does not have {procedure}: it runs without CONN (npm ssb-conn or Ssb.Conn)");
    }

    /// <summary>Calls a procedure.</summary>
    /// <exception cref="FailedException">It failed, or there is none.</exception>
    public async Task<RpcValue> CallAsync(string procedure, RpcValue[] arguments, CancellationToken cancellationToken)
    {
        Require(procedure);
        try
        {
            return await _rpc.CallAsync(procedure, arguments, cancellationToken);
        }
        catch (RpcException e)
        {
            throw Explained(procedure, e, arguments);
        }
    }

    /// <summary>A list of entries.</summary>
    /// <exception cref="FailedException">It failed, or there is none.</exception>
    public async Task<IReadOnlyList<RemoteEntry>> ListAsync(string procedure, CancellationToken cancellationToken) =>
        Read(procedure, await CallAsync(procedure, [], cancellationToken));

    /// <summary>A list of entries now, and again after every change. Ends with the connection, without an exception. Who has not kept up goes on with the
    /// newest list.</summary>
    /// <exception cref="FailedException">It failed, or there is none.</exception>
    public async IAsyncEnumerable<IReadOnlyList<RemoteEntry>> ListsAsync(
        string procedure, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Require(procedure);
        while (true)
        {
            bool isBehind = false;
            await using RpcSource? source = TryOpen(procedure);
            if (source is null)
                yield break;
            await using IAsyncEnumerator<RpcValue> items = source.GetAsyncEnumerator(cancellationToken);
            while (!isBehind)
            {
                try
                {
                    if (!await items.MoveNextAsync())
                        yield break;
                }
                catch (RpcException e) when (e.Error == RpcError.ConnectionClosed)
                {
                    yield break; // Completion says how
                }
                catch (RpcException e) when (e.Error == RpcError.SlowConsumer)
                {
                    isBehind = true; // each list is whole: what was missed is in the next one
                    continue;
                }
                catch (RpcException e)
                {
                    throw Explained(procedure, e);
                }

                yield return Read(procedure, items.Current);
            }
        }
    }

    /// <summary>A list of entries as it is now, of a procedure that goes on to tell of changes.</summary>
    /// <exception cref="FailedException">It failed, or there is none.</exception>
    public async Task<IReadOnlyList<RemoteEntry>> FirstListAsync(string procedure, CancellationToken cancellationToken)
    {
        await foreach (IReadOnlyList<RemoteEntry> entries in ListsAsync(procedure, cancellationToken))
            return entries;
        throw Gone(procedure, null);
    }

    /// <summary>Says goodbye.</summary>
    public ValueTask DisposeAsync() => _rpc.DisposeAsync();

    private RpcSource? TryOpen(string procedure)
    {
        try
        {
            return _rpc.Source(procedure);
        }
        catch (RpcException e) when (e.Error == RpcError.ConnectionClosed)
        {
            return null; // as above
        }
    }

    /// <summary>Connects by one route, and proves who both are.</summary>
    /// <exception cref="ConnectFailedException">It is not there.</exception>
    /// <exception cref="HandshakeException">It does not want us, or is somebody else.</exception>
    /// <exception cref="IOException">The connection broke.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    internal static async Task<RpcConnection> ConnectAsync(MultiserverRoute route, RemoteTarget target, CancellationToken cancellationToken)
    {
        var how = new RouteOptions { Timeout = target.Timeout, SilenceDeadline = new PeerNetworkLimits().SilenceDeadline };
        Stream stream = await Transport.OpenAsync(route, how, cancellationToken);
        if (RemoteTarget.IsOpen(route))
            return RpcConnection.Start(stream, s_bounds);
        FeedId server = route.FeedId!.Value; // a route that is not open has a key, and then we have one: RemoteTarget sees to both
        var options = new HandshakeOptions { Network = target.Network, Deadline = target.Timeout };
        return RpcConnection.Start(await SecretHandshake.ConnectAsync(stream, target.Keys!, server, options, cancellationToken), s_bounds);
    }

    private IReadOnlyList<RemoteEntry> Read(string procedure, RpcValue value)
    {
        try
        {
            return RemoteEntry.ReadAll(value);
        }
        catch (FormatException e)
        {
            throw new FailedException($"the peer at {Where} answered {procedure} with something else than a list of peers: {e.Message}", e);
        }
    }

    /// <param name="procedure">What was called.</param>
    /// <param name="e">How it failed.</param>
    /// <param name="arguments">What it was called with: the error may repeat what an address among them hides.</param>
    private FailedException Explained(string procedure, RpcException e, params RpcValue[] arguments)
    {
        if (e.Error == RpcError.ConnectionClosed)
            return Gone(procedure, e);
        // npm muxrpc 6.7.3, lib/permissions.js: "method:conn,stage is not in list of allowed methods", or "... is on list of disallowed methods".
        string sentence = Sentence(arguments.Select(AddressIn).Aggregate(e.Message, (text, address) => address is null ? text : WithoutIts(address, address.Hide(text))));
        bool isRefused = e.RemoteMessage is { } said && said.StartsWith("method:", StringComparison.Ordinal) && said.EndsWith("allowed methods", StringComparison.Ordinal);
        if (isRefused)
        {
            return new FailedException(
                $"the peer at {Where} does not let us call {procedure}: only its own identity, and its masters, may; name their secret with --secret FILE",
                e, "it does not let us");
        }

        // Of a dial the cause comes first: a terminal has 80 columns, and the addresses of both peers would fill them.
        return procedure == "conn.connect" && arguments.Select(AddressIn).OfType<MultiserverAddress>().FirstOrDefault() is { } dialled
            ? new FailedException($"not connected: {sentence} ({TerminalText.Elide(dialled.ToString(), ShortPlace)})", e, sentence)
            : new FailedException($"the peer at {Where} answered {procedure} with an error: {sentence}", e, sentence);
    }

    private FailedException Gone(string procedure, Exception? cause) =>
        new($"the peer at {Where} closed the connection before it answered {procedure}; is it shutting down?", cause, "it closed the connection");

    // Our own peers begin with the route: whoever gave the address knows it.
    private static string WithoutIts(MultiserverAddress address, string sentence)
    {
        foreach (string shown in address.Routes.Select(route => route.ToString()).Prepend(address.ToString()).Distinct())
        {
            sentence = sentence.Replace($"{shown} could not be reached: ", "", StringComparison.Ordinal)
                .Replace($"{shown} could not be connected to: ", "", StringComparison.Ordinal);
            foreach (string rest in (string[])[" did not answer", " can never be dialled here", " is ourselves", ": "])
            {
                if (sentence.StartsWith(shown + rest, StringComparison.Ordinal))
                    sentence = rest == ": " ? sentence[(shown.Length + 2)..] : "it" + sentence[shown.Length..];
            }
        }

        return sentence;
    }

    private static MultiserverAddress? AddressIn(RpcValue argument) =>
        argument.Kind == RpcValueKind.Text && MultiserverAddress.TryParse(argument.AsText(), out MultiserverAddress? address)
            ? address
            : null;

    private static string Sentence(string message) => message.TrimEnd('.', ' ');
}
