using Ssb.Conn.Cli.View;
using Ssb.Conn.Net;
using Ssb.Wire;

namespace Ssb.Conn.Cli.Remote;

/// <summary>Where a peer is to be found, and who we are to it.</summary>
internal sealed class RemoteTarget : IDisposable
{
    /// <summary>Where ssb-server listens unless it is told otherwise.</summary>
    private const int DefaultPort = 8008;

    private readonly Func<IReadOnlyList<MultiserverRoute>> _routes;

    private RemoteTarget(string name, Func<IReadOnlyList<MultiserverRoute>> routes, KeyPair? keys, NetworkKey network, TimeSpan timeout) =>
        (Name, _routes, Keys, Network, Timeout) = (name, routes, keys, network, timeout);

    /// <summary>What the person named: a folder or an address, without its secret and fit for a terminal.</summary>
    public string Name { get; }

    /// <summary>Ways to it, to be tried in order. Of a folder they are read anew each time: a peer that starts again may be elsewhere.</summary>
    public IReadOnlyList<MultiserverRoute> Routes => _routes();

    /// <summary>Who we are; null where nobody asks.</summary>
    public KeyPair? Keys { get; }

    public NetworkKey Network { get; }

    /// <summary>How long an answer may take.</summary>
    public TimeSpan Timeout { get; }

    /// <summary>The peer of an SSB folder.</summary>
    /// <exception cref="FailedException">Nothing in the folder says how to find it.</exception>
    public static RemoteTarget In(string folder, string? secret, NetworkKey network, TimeSpan timeout)
    {
        string name = Typed.MayHoldSecret(folder) && !Directory.Exists(folder) ? "the folder that was named" : TerminalText.Clean(folder);
        string own = Path.Combine(folder, "secret");
        if (secret is null && !File.Exists(own))
        {
            return SocketIn(folder).Any()
                ? new RemoteTarget(name, () => [.. SocketIn(folder)], null, network, timeout)
                : throw new FailedException(
                    $"no SSB peer is known at {name}: it has neither 'socket' nor 'secret'; name its folder with --path DIR, or its address with --remote ADDRESS --secret FILE");
        }

        KeyPair keys = secret is null ? Typed.Secret("the secret of that folder", own) : Typed.Secret("--secret", secret);
        var usual = new MultiserverRoute(MultiserverProtocol.FromHost("net", "127.0.0.1", DefaultPort), new MultiserverProtocol("shs", [keys.Id.ToBase64()]));
        return new RemoteTarget(name, () => [.. SocketIn(folder), .. AddressIn(folder), usual], keys, network, timeout);
    }

    /// <summary>The peer at an address.</summary>
    /// <exception cref="MisuseException">We cannot be anybody to it.</exception>
    public static RemoteTarget At(MultiserverAddress address, string folder, string? secret, NetworkKey network, TimeSpan timeout)
    {
        string name = address.ToString();
        MultiserverRoute[] routes = [.. address.Routes.Where(route => Transport.ProblemOf(route) is null)];
        if (routes.Length == 0)
        {
            throw Typed.Wrong(
                $"--remote {Typed.QuotePublic(name)}",
                $"{Transport.ProblemOf(address.Routes[0])}; it takes something like 'net:192.168.1.4:8008~shs:KEY' or 'unix:/home/me/.ssb/socket~noauth'");
        }

        if (routes.All(IsOpen))
            return new RemoteTarget(name, () => routes, null, network, timeout);
        string own = Path.Combine(folder, "secret");
        if (secret is null && !File.Exists(own))
            throw Typed.Wrong($"--remote {Typed.QuotePublic(name)}", $"it wants to know who we are, and there is no {Typed.QuotePublic(own)}; add --secret FILE");
        KeyPair keys = secret is null ? Typed.Secret("the secret", own) : Typed.Secret("--secret", secret);
        return new RemoteTarget(name, () => routes, keys, network, timeout);
    }

    /// <summary>A peer that runs in this process.</summary>
    /// <param name="name">What to call it.</param>
    /// <param name="routes">Ways to it; the first is tried first.</param>
    /// <param name="keys">Its own identity, disposed of with this.</param>
    /// <param name="network">Its network.</param>
    public static RemoteTarget Here(string name, IEnumerable<MultiserverRoute> routes, KeyPair keys, NetworkKey network)
    {
        MultiserverRoute[] all = [.. routes];
        return new(name, () => all, keys, network, TimeSpan.FromSeconds(30));
    }

    public void Dispose() => Keys?.Dispose();

    /// <summary>Does it take whoever can reach it?</summary>
    public static bool IsOpen(MultiserverRoute route) => route.Transform == "noauth";

    private static IEnumerable<MultiserverRoute> SocketIn(string folder)
    {
        string socket = SsbFolder.Socket(folder);
        return File.Exists(socket) && UnixSockets.AreThere ? [SsbFolder.SocketRoute(socket)] : [];
    }

    private static IEnumerable<MultiserverRoute> AddressIn(string folder) => SsbFolder.AddressIn(folder) is { } left ? [left] : [];
}
