namespace Ssb.Conn.Net;

/// <summary>A unix socket to listen at, by its path: also one that the text of an address cannot hold, such as a path with a blank or an
/// umlaut.</summary>
/// <param name="Path">Where the socket is made: at most 107 bytes on Linux, 103 on macOS, 107 on Windows. The folder is there already. A
/// socket that a
/// process left behind is replaced, and nothing else.</param>
/// <remarks>Immutable. The file has mode 0600; on Windows it has the permissions that its folder gives.</remarks>
public sealed record ListeningSocket(string Path)
{
    /// <summary>Whether callers prove who they are (<c>~shs</c>). Else (<c>~noauth</c>) whoever may open the file is an owner, and may do
    /// everything.</summary>
    /// <value>Defaults to false.</value>
    public bool HasHandshake { get; init; }
}
