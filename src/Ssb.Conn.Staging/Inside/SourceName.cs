namespace Ssb.Conn;

/// <summary>Reads the name of a source: <c>KIND:NAME</c>, or <c>KIND:GROUP/NAME</c> and <c>KIND/NAME</c> where several sources answer for
/// each other. The one place that cuts it, for the bench, the admission, and the turns of the scheduler.</summary>
internal static class SourceName
{
    /// <summary>The source of what the address book has, and in the turns of the scheduler of what a person staged as well.</summary>
    public const string Book = "db";

    /// <summary>Where the group of a source ends, at a slash: <c>lan:eth0</c> of <c>lan:eth0/10.0.0.7</c>, <c>pub</c> of
    /// <c>pub/@...</c>. A feed id, which begins a name, is never cut, although base64 has slashes: else whoever chooses a key that begins
    /// as a room's does would be of that room's group.</summary>
    /// <returns>The index of the slash; -1 if the source is a group of its own.</returns>
    public static int EndOfGroup(ReadOnlySpan<char> source)
    {
        for (int i = 0; i < source.Length; i++)
        {
            if (source[i] == '/')
                return i;
            if (source[i] == '@' && (i == 0 || source[i - 1] == ':'))
                return -1;
        }

        return -1;
    }

    /// <summary>The group of a source; the source itself if it is a group of its own.</summary>
    public static string GroupOf(string source) => EndOfGroup(source) is var end and >= 0 ? source[..end] : source;

    /// <summary>The kind of a source, by which quotas are set: <c>lan</c>, <c>room</c>, <c>pub</c>, <c>peer</c>; empty if it names
    /// none.</summary>
    public static ReadOnlySpan<char> KindOf(string source) => source.AsSpan(0, Math.Max(0, source.AsSpan().IndexOfAny(':', '/')));
}
