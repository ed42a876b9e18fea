using System.Text;

namespace Ssb.Conn;

/// <summary>One part of a route, such as <c>net:host:8008</c>: a name and its data fields.</summary>
/// <param name="Name">Lower-case letters, digits and <c>-</c>, at least two, a letter first.</param>
/// <param name="Data">The fields after the name, unescaped. There may be none, and any may be empty.</param>
/// <remarks>The data of an <c>shs</c> part may hold a secret seed; <see cref="ToString"/> shows the name alone.</remarks>
public sealed record MultiserverProtocol(string Name, IReadOnlyList<string> Data)
{
    /// <inheritdoc/>
    public bool Equals(MultiserverProtocol? other) => other is not null && Name == other.Name && Data.SequenceEqual(other.Data);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Name, Data.Count);

    /// <summary>The name.</summary>
    public override string ToString() => Name;

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
        {
            text.Append(':');
            foreach (char c in field)
                (c is '!' or ':' or ';' or '~' ? text.Append('!') : text).Append(c);
        }
    }
}
