using Ssb.Wire;

namespace Ssb.Conn.Net;

/// <summary>The errors of the manager as a caller gets them.</summary>
internal static class ConnErrors
{
    /// <summary>Is a caller told what happened? Else it is none of its business.</summary>
    public static bool IsTold(Exception e) =>
        e is ArgumentException or ObjectDisposedException or ConnectFailedException or FormatException or InvalidOperationException or IOException;

    /// <summary>What a caller is told of an exception.</summary>
    /// <param name="e">One that it is told of.</param>
    /// <param name="address">The address that the call was about; what it hides is masked wherever the text repeats it.</param>
    public static RpcException Of(Exception e, MultiserverAddress? address) => e switch
    {
        ArgumentException argument => new RpcException(WithoutParameter(argument)),
        ObjectDisposedException => new RpcException("CONN is closed"),
        _ => new RpcException(address?.Hide(e.Message) ?? e.Message),
    };

    // Names of our parameters mean nothing to a caller.
    private static string WithoutParameter(ArgumentException e)
    {
        string tail = $" (Parameter '{e.ParamName}')";
        return e.Message.EndsWith(tail, StringComparison.Ordinal) ? e.Message[..^tail.Length] : e.Message;
    }
}
