using System.Globalization;
using System.Text;

namespace Ssb;

/// <summary>One part of a route, such as <c>net:host:8008</c>: a name and its data fields.</summary>
/// <param name="Name">Lower-case letters, digits and <c>-</c>, at least two, a letter first.</param>
/// <param name="Data">The fields after the name, unescaped. There may be none, and any may be empty.</param>
/// <remarks>The data may hold a secret, such as the seed of an invite; <see cref="ToString"/> shows the name alone.</remarks>
public sealed record MultiserverProtocol(string Name, IReadOnlyList<string> Data)
{
    /// <summary>The part that leads to a host, in the form that all peers read: <c>net:::1:8008</c>, with the colons of IPv6 not escaped,
    /// and <c>ws://[::1]:8989</c>, as in a URL.</summary>
    /// <param name="transport"><c>net</c>, <c>onion</c>, <c>ws</c> or <c>wss</c>.</param>
    /// <param name="host">An IPv4 or IPv6 address (without brackets, perhaps with a zone), or a host name.</param>
    /// <param name="port">1 to 65,535.</param>
    /// <exception cref="ArgumentException"><paramref name="transport"/> is none of these, or <paramref name="host"/> and
    /// <paramref name="port"/> would not be read back as they are.</exception>
    public static MultiserverProtocol FromHost(string transport, string host, int port)
    {
        ArgumentNullException.ThrowIfNull(transport);
        ArgumentException.ThrowIfNullOrEmpty(host);
        string place = transport switch
        {
            "net" or "onion" => host,
            "ws" or "wss" => "//" + (host.Contains(':', StringComparison.Ordinal) ? $"[{host}]" : host),
            _ => throw new ArgumentException($"'{transport}' does not lead to a host; expected net, onion, ws or wss.", nameof(transport)),
        };
        var part = new MultiserverProtocol(transport, [.. place.Split(':'), port.ToString(CultureInfo.InvariantCulture)]);
        var read = new MultiserverRoute(part);
        return read.Problem is null && read.Host == host && read.Port == port
            ? part
            : throw new ArgumentException(read.Problem is { } problem ? $"It would not be valid: {problem}." : "It would not be read back as it is.", nameof(host));
    }

    /// <inheritdoc/>
    public bool Equals(MultiserverProtocol? other) => other is not null && Name == other.Name && Data.SequenceEqual(other.Data);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Name, Data.Count);

    /// <summary>The name, or <c>***</c> if it is longer than the names of protocols are.</summary>
    public override string ToString() => AddressMask.Name(Name);

    internal static MultiserverProtocol Read(ReadOnlySpan<char> text)
    {
        var fields = new List<string>();
        var field = new StringBuilder();
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == ':')
            {
                fields.Add(field.ToString());
                field.Clear();
            }
            else
            {
                field.Append(text[i] == '!' ? text[++i] : text[i]);
            }
        }

        fields.Add(field.ToString());
        return new MultiserverProtocol(fields[0], fields.GetRange(1, fields.Count - 1).AsReadOnly());
    }

    internal void AppendTo(StringBuilder text)
    {
        text.Append(Name);
        foreach (string field in Data)
            AppendField(text, field);
    }

    /// <summary>Appends a field, escaped, and the ':' before it.</summary>
    internal static void AppendField(StringBuilder text, string field)
    {
        text.Append(':');
        foreach (char c in field)
            (c is '!' or ':' or ';' or '~' ? text.Append('!') : text).Append(c);
    }
}
