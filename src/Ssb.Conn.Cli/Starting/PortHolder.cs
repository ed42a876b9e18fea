using System.Net;
using System.Net.NetworkInformation;
using System.Text.Json;
using Ssb.Conn.Cli.Remote;
using Ssb.Conn.Net;
using Ssb.Wire;

namespace Ssb.Conn.Cli.Starting;

/// <summary>Who listens at a port of this computer.</summary>
internal enum PortHolder
{
    /// <summary>Nobody who answers.</summary>
    Nobody,

    /// <summary>A peer with our own identity.</summary>
    Ourselves,

    /// <summary>Another peer of the same network.</summary>
    Peer,

    /// <summary>Another program, or a peer of another network.</summary>
    Program,
}

/// <summary>Finds out who listens at a port, as a client that shakes hands. A peer proves who it is only to those who know that already: it can be asked
/// whether it is us, and else whether it is of our network.</summary>
internal static class PortHolders
{
    private const int LongestConfig = 1 << 20;
    private const int MostAddresses = 16;

    /// <summary>How long the holder has for its answers; on loopback that is plenty.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(3);

    /// <summary>Asks.</summary>
    /// <param name="at">Where.</param>
    /// <param name="own">Who we are; null: nobody yet.</param>
    /// <param name="network">Our network.</param>
    /// <param name="time">The clock.</param>
    public static async Task<PortHolder> AskAsync(IPEndPoint at, KeyPair? own, NetworkKey network, TimeProvider time)
    {
        using KeyPair? madeUp = own is null ? KeyPair.Generate() : null;
        KeyPair keys = own ?? madeUp!; // one of them is there
        var route = new MultiserverRoute(MultiserverProtocol.FromHost("net", at.Address.ToString(), at.Port), new MultiserverProtocol("shs", [keys.Id.ToBase64()]));
        using var over = new CancellationTokenSource(s_patience, time);
        Stream? stream = null;
        try
        {
            stream = await Transport.OpenAsync(route, new RouteOptions { Timeout = s_patience, TimeProvider = time }, over.Token);
            var options = new HandshakeOptions { Network = network, Deadline = s_patience, TimeProvider = time };
            await using BoxStream proof = await SecretHandshake.ConnectAsync(stream, keys, keys.Id, options, over.Token);
            return PortHolder.Ourselves;
        }
        catch (HandshakeException e)
        {
            // It has answered our hello, which is sealed with the key of the network, and could not open our proof, which is for ourselves.
            return e.Failure is HandshakeFailure.Refused or HandshakeFailure.WrongKey ? PortHolder.Peer : PortHolder.Program;
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            return PortHolder.Program;
        }
        catch (ConnectFailedException)
        {
            return PortHolder.Nobody;
        }
        finally
        {
            if (stream is not null)
                await stream.DisposeAsync();
        }
    }

    /// <summary>Where a JavaScript program of this folder listens, as the file <c>config</c> there says, which ssb-config reads. Where it names no IP address of one card, on
    /// loopback.</summary>
    public static IReadOnlyList<IPEndPoint> InConfig(string folder)
    {
        try
        {
            using FileStream file = new(OwnFiles.OpenRead(Path.Combine(folder, "config")), FileAccess.Read, bufferSize: 0);
            if (file.Length > LongestConfig)
                return [];
            using var document = JsonDocument.Parse(file, new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
            var ports = new List<IPEndPoint>();
            Add(ports, document.RootElement);
            if (JsonText.Member(document.RootElement, "connections") is { } connections && JsonText.Member(connections, "incoming") is { } incoming
                && JsonText.Member(incoming, "net") is { ValueKind: JsonValueKind.Array } places)
            {
                foreach (JsonElement place in places.EnumerateArray())
                    Add(ports, place);
            }

            return ports;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or InvalidOperationException)
        {
            return []; // there is none, or it is in another form: ini, which ssb-config reads too
        }
    }

    /// <summary>The addresses of this computer beside loopback, where somebody may listen who is not there.</summary>
    public static IReadOnlyList<IPAddress> LocalAddresses()
    {
        try
        {
            return [.. NetworkInterface.GetAllNetworkInterfaces().SelectMany(card => card.GetIPProperties().UnicastAddresses).Select(a => a.Address)
                .Where(a => !IPAddress.IsLoopback(a)).Take(MostAddresses)];
        }
        catch (NetworkInformationException)
        {
            return []; // then those are not asked
        }
    }

    /// <summary>Where somebody can be called who listens there: on loopback, if that is every address.</summary>
    public static IPAddress Callable(IPAddress? host) =>
        host is null || host.Equals(IPAddress.Any) || host.Equals(IPAddress.IPv6Any) ? IPAddress.Loopback : host;

    private static void Add(List<IPEndPoint> ports, JsonElement place)
    {
        if (JsonText.Number(place, "port") is >= 1 and <= ushort.MaxValue and var port && port == Math.Floor(port))
            ports.Add(new IPEndPoint(Callable(IPAddress.TryParse(JsonText.Of(place, "host"), out IPAddress? host) ? host : null), (int)port));
    }
}
