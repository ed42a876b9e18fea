using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Ssb;

/// <summary>What kind of host a <see cref="MultiserverRoute"/> leads to.</summary>
public enum MultiserverHostKind
{
    /// <summary>There is no host (a unix socket, a tunnel, a protocol that is not known).</summary>
    None,

    /// <summary>An IPv4 address.</summary>
    IPv4,

    /// <summary>An IPv6 address, perhaps with a zone (<c>fe80::1%eth0</c>).</summary>
    IPv6,

    /// <summary>A host name to be resolved.</summary>
    Dns,

    /// <summary>A hidden service of Tor.</summary>
    Onion,
}

/// <summary>One route of a <see cref="MultiserverAddress"/>, read: where it leads and whom it expects there.</summary>
/// <remarks>Immutable. Reading never fails: what has the right syntax and no sense (port 99999, a key that is not 32
/// bytes) is told by <see cref="Problem"/>, and the property concerned is null. Protocols that are not known (the set is
/// open) have no host, and no problem.</remarks>
public sealed class MultiserverRoute
{
    private const string RoomSeed = "SSB+Room+PSK3TLYC2T86EHQCUHBUHASCASE18JBV24"; // npm ssb-room 1.3.0, without the padding

    private readonly List<string> _problems = [];

    /// <summary>A route of these parts.</summary>
    /// <exception cref="ArgumentException">There is no part.</exception>
    public MultiserverRoute(params IReadOnlyList<MultiserverProtocol> protocols)
    {
        ArgumentNullException.ThrowIfNull(protocols);
        if (protocols.Count == 0)
            throw new ArgumentException("A route has at least one protocol part.", nameof(protocols));
        Protocols = [.. protocols];
        ReadTransport(Protocols[0]);
        if (Protocols.FirstOrDefault(p => p.Name == "shs") is { } shs)
            ReadSecretHandshake(shs);
    }

    /// <summary>The parts, transport first.</summary>
    public IReadOnlyList<MultiserverProtocol> Protocols { get; }

    /// <summary>The name of the first part: <c>net</c>, <c>ws</c>, <c>wss</c>, <c>onion</c>, <c>unix</c>, <c>tunnel</c>
    /// or another.</summary>
    public string Transport => Protocols[0].Name;

    /// <summary>What is done over the transport, as the name of the only part after it: <c>shs</c> (the secret handshake), <c>noauth</c>, or
    /// another, such as <c>shs2</c>. Null if no part follows the transport, or more than one.</summary>
    /// <remarks>The name is exact: what only begins like a name that is known is something else. A route is dialled only if this is
    /// <c>shs</c> and <see cref="FeedId"/> is not null, or if it is a <c>unix</c> socket with <c>noauth</c>.</remarks>
    public string? Transform => Protocols.Count == 2 ? Protocols[1].Name : null;

    /// <summary>The host of <c>net</c>, <c>onion</c>, <c>ws</c> or <c>wss</c>; <c>localhost</c> where <c>net</c> or <c>onion</c> leaves it
    /// empty. An IPv6 host has neither escapes nor brackets, whichever of its spellings was read: <c>net:::1:8008</c> (plain, which
    /// JavaScript peers read and write), <c>net:!:!:1:8008</c> (escaped) and <c>net:[::1]:8008</c> (which Go peers write) give
    /// <c>::1</c>.</summary>
    public string? Host { get; private set; }

    /// <summary>What <see cref="Host"/> is.</summary>
    public MultiserverHostKind HostKind { get; private set; }

    /// <summary>The port, 1 to 65,535; 80 and 443 where <c>ws</c> and <c>wss</c> name none.</summary>
    public int? Port { get; private set; }

    /// <summary>The path of a <c>unix</c> socket, without the colon that npm ssb-unix-socket writes behind it.</summary>
    public string? Path { get; private set; }

    /// <summary>The room that a <c>tunnel</c> goes through.</summary>
    public FeedId? TunnelPortal { get; private set; }

    /// <summary>The peer at the far end of a <c>tunnel</c>.</summary>
    public FeedId? TunnelTarget { get; private set; }

    /// <summary>The peer that the part named exactly <c>shs</c> expects. It is null if there is no such part, or if the part does not name
    /// 32 bytes. (The feed id under which an address is kept, <see cref="MultiserverAddress.FeedId"/>, is read as npm
    /// ssb-ref reads it, from any name that begins with <c>shs</c>.)</summary>
    public FeedId? FeedId { get; private set; }

    /// <summary>Does the <c>shs</c> part carry a secret seed (an invite)?</summary>
    public bool HasSeed { get; private set; }

    /// <summary>Is that seed the one that stands in every invite of a room of the first kind (npm ssb-room 1)? It is a constant that marks the address as
    /// a room's, and no secret: who shook hands with it would be the same guest as everybody else. The room is dialled as ourselves.</summary>
    public bool HasRoomSeed { get; private set; }

    /// <summary>Why this route makes no sense although its syntax is right; null when it does.</summary>
    public string? Problem => _problems.Count == 0 ? null : string.Join("; ", _problems);

    /// <summary>The route as it is shown to people: what is not known to be public, such as the seed of an invite, is <c>***</c>, as
    /// <see cref="MultiserverAddress.ToString"/> says.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        AddressMask.Append(text, this);
        return text.ToString();
    }

    /// <summary>The feed id that npm ssb-ref reads in this route: that of the first part whose name begins with <c>shs</c>.</summary>
    internal FeedId? IndexedFeedId => Protocols.FirstOrDefault(p => p.Name.StartsWith("shs", StringComparison.Ordinal)) is { } part
        ? Ssb.FeedId.ReadPlain(part.Data.ElementAtOrDefault(0))
        : null;

    /// <summary>This route with its key in one spelling, and without a seed.</summary>
    internal MultiserverRoute Canonical => FeedId is { } feedId
        ? new MultiserverRoute([.. Protocols.Select(p => p.Name == "shs" ? p with { Data = [feedId.ToBase64()] } : p)])
        : this;

    internal string ToText()
    {
        var text = new StringBuilder();
        AppendTo(text);
        return text.ToString();
    }

    internal static IReadOnlyList<MultiserverRoute> ReadAll(string text)
    {
        var routes = new List<MultiserverRoute>();
        var parts = new List<MultiserverProtocol>();
        for (int start = 0, end; start <= text.Length; start = end + 1)
        {
            end = MultiserverAddress.EndOfPart(text, start);
            parts.Add(MultiserverProtocol.Read(text.AsSpan(start..end)));
            if (end < text.Length && text[end] == '~')
                continue;
            routes.Add(new MultiserverRoute([.. parts]));
            parts.Clear();
        }

        return routes.AsReadOnly();
    }

    internal void AppendTo(StringBuilder text)
    {
        for (int i = 0; i < Protocols.Count; i++)
            Protocols[i].AppendTo(i == 0 ? text : text.Append('~'));
    }

    private void ReadTransport(MultiserverProtocol transport)
    {
        switch (transport.Name)
        {
            case "net" or "onion":
                // IPv6 is usually unescaped: the host is every field but the last. An empty host means this machine.
                if (transport.Data.Count < 2)
                {
                    _problems.Add($"'{transport.Name}' needs a host and a port");
                    break;
                }

                ReadHost(string.Join(':', transport.Data.SkipLast(1)));
                ReadPort(transport.Data[^1]);
                break;
            case "ws" or "wss":
                ReadUrl(transport);
                break;
            case "unix":
                // npm ssb-unix-socket writes an empty field behind the path: unix:PATH:~noauth. An escaped colon belongs to the path.
                int empty = transport.Data.Reverse().TakeWhile(field => field.Length == 0).Count();
                Path = string.Join(':', transport.Data.SkipLast(empty));
                if (Path.Length == 0)
                    _problems.Add("'unix' needs a path");
                break;
            case "tunnel":
                TunnelPortal = ReadFeedId(transport.Data.ElementAtOrDefault(0), "the room of a tunnel");
                TunnelTarget = ReadFeedId(transport.Data.ElementAtOrDefault(1), "the target of a tunnel");
                break;
        }
    }

    /// <summary>What stands before the host of a <c>ws</c> or <c>wss</c> URL, with its <c>@</c>; empty if there is nothing, or for other transports.
    /// It may be a password.</summary>
    public string UserInfo => Transport is "ws" or "wss" ? SplitUrl(Protocols[0].Data).User : "";

    /// <summary>What follows the host and port of a <c>ws</c> or <c>wss</c> URL, from its <c>/</c>, <c>?</c> or <c>#</c> on; empty if there is nothing, or
    /// for other transports. It may hold a token.</summary>
    public string PathAndQuery => Transport is "ws" or "wss" ? SplitUrl(Protocols[0].Data).After : "";

    /// <summary>The parts of a URL after its scheme: "//" if it is there, the user with its '@', the host and port, and what follows.</summary>
    internal static (string Slashes, string User, string Place, string After) SplitUrl(IReadOnlyList<string> data)
    {
        string text = string.Join(':', data);
        int start = text.StartsWith("//", StringComparison.Ordinal) ? 2 : 0;
        int end = text.AsSpan(start).IndexOfAny('/', '?', '#');
        end = end < 0 ? text.Length : start + end;
        int place = text.AsSpan(start, end - start).LastIndexOf('@') + 1 + start;
        return (text[..start], text[start..place], text[place..end], text[end..]);
    }

    /// <summary>Is it a number as a port may be mistyped? It is repeated to people; other text in its place may be a secret.</summary>
    internal static bool IsShortNumber(string text) => text.Length is >= 1 and <= 10 && text.All(char.IsAsciiDigit);

    // `ws://host:port/path?query` and `ws:host:port`; the port may be missing, as in a URL, and a user may stand before the host.
    private void ReadUrl(MultiserverProtocol transport)
    {
        string authority = SplitUrl(transport.Data).Place;
        int colon = authority.LastIndexOf(':');
        if (colon >= 0 && !authority.EndsWith(']'))
        {
            ReadPort(authority[(colon + 1)..]);
            authority = authority[..colon];
        }
        else
        {
            Port = transport.Name == "ws" ? 80 : 443;
        }

        if (authority.Length == 0)
            _problems.Add($"'{transport.Name}' needs a host");
        else
            ReadHost(authority.Replace("%25", "%", StringComparison.Ordinal)); // how a URL writes the '%' before a zone
    }

    private void ReadHost(string host)
    {
        // Go writes IPv6 in brackets, as a URL does. Nothing else stands in brackets.
        IPAddress? ip = null;
        bool isBracketed = host is ['[', .., ']'];
        if (isBracketed && IPAddress.TryParse(host.AsSpan(1..^1), out ip) && ip.AddressFamily == AddressFamily.InterNetworkV6 && host[1] != '[')
            host = host[1..^1];
        else if (host.Length == 0)
            host = "localhost";
        else if (host.StartsWith('[') || !IPAddress.TryParse(host, out ip)) // TryParse takes "[::1]:80"
            ip = null;

        HostKind = host.EndsWith(".onion", StringComparison.OrdinalIgnoreCase) ? MultiserverHostKind.Onion
            : ip is null ? MultiserverHostKind.Dns
            : ip.AddressFamily == AddressFamily.InterNetworkV6 ? MultiserverHostKind.IPv6 : MultiserverHostKind.IPv4;
        if (HostKind == MultiserverHostKind.Dns && !IsHostName(host))
        {
            // The text is not repeated: a secret that stands in the wrong place would be shown.
            HostKind = MultiserverHostKind.None;
            _problems.Add(isBracketed
                ? "the host is in brackets, but is not an IPv6 address"
                : $"the host of '{Transport}' is neither a host name nor an IP address");
            return;
        }

        Host = host;
    }

    private void ReadPort(string port)
    {
        if (int.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value is >= 1 and <= 65_535)
            Port = value;
        else
            _problems.Add(IsShortNumber(port) ? $"port '{port}' is not a number from 1 to 65535" : "the port is not a number from 1 to 65535");
    }

    private void ReadSecretHandshake(MultiserverProtocol shs)
    {
        HasSeed = shs.Data.Count > 1;
        HasRoomSeed = HasSeed && shs.Data[1].TrimEnd('=') == RoomSeed;
        FeedId = Ssb.FeedId.ReadPlain(shs.Data.ElementAtOrDefault(0));
        if (FeedId is null)
            _problems.Add("the key of 'shs' is not 32 bytes in base64");
    }

    private FeedId? ReadFeedId(string? text, string what)
    {
        FeedId? id = text is not null && text.StartsWith('@') ? Ssb.FeedId.ReadPlain(text) : null;
        if (id is null)
            _problems.Add($"{what} is not a feed id (@...=.ed25519)");
        return id;
    }

    // Letters, digits, '-' and '_' (seen in local names) in labels of 1 to 63; a dot may end it.
    private static bool IsHostName(string host) =>
        host.Length <= 254 && host.TrimEnd('.').Split('.').All(label =>
            label.Length is >= 1 and <= 63 && label.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'));
}
